import { recordPaths } from '../../../core/session/recordTable.ts';
import { keyNumber, type LineSkimmer } from './lineSkimmer.ts';

export const absent = -1;
const keys = 64;
const deepest = 4;
/** What a list's members are called in a path. */
const item = '#';

/** Every path that is asked for and every one above it, by number; 0 is the record itself. */
const nodes = new Map<string, number>([['', 0]]);
for (const path of [...recordPaths, `message.content.${item}`]) {
  const steps = path.split('.');
  for (const [at] of steps.entries()) {
    const above = steps.slice(0, at + 1).join('.');
    if (!nodes.has(above)) nodes.set(above, nodes.size);
  }
}

/** By node and key, the node below; 0 for none. */
const below = new Uint8Array(nodes.size * keys);
/** By node, all that lie below it. */
const allBelow: number[][] = Array.from(nodes, () => []);
for (const [path, node] of nodes) {
  if (node === 0) continue;
  const dot = path.lastIndexOf('.');
  const key = path.slice(dot + 1);
  below[nodeOf(path.slice(0, Math.max(0, dot))) * keys + (key === item ? 0 : keyNumber(key))] = node;
  for (const [above, other] of nodes) if (other !== 0 && path.startsWith(`${above}.`)) allBelow[other]?.push(node);
}
const firstItem = nodeOf(`message.content.${item}`);

/** The number of a path. @throws Error where it stands in no table */
export function nodeOf(path: string): number {
  const node = nodes.get(path);
  if (node === undefined) throw new Error(`${path} is no path of recordTable.ts.`);
  return node;
}

/** Where the fields of the line that was skimmed last lie. Of members with one name the last counts, with all that it holds. */
export class FieldPlaces {
  readonly #line: LineSkimmer;
  readonly #members = new Int32Array(nodes.size);
  /** By depth, the node of the member that came last there. */
  readonly #path = new Int32Array(deepest + 1);

  constructor(line: LineSkimmer) {
    this.#line = line;
  }

  /** The member that counts; `absent` where there is none. */
  at(node: number): number {
    return this.#members[node] as number;
  }

  /** The first member of the message's content, where that is a list. */
  get firstBlock(): number {
    return this.#members[firstItem] as number;
  }

  locate(): void {
    const line = this.#line;
    const members = this.#members;
    const path = this.#path;
    members.fill(absent);
    const { count } = line;
    for (let member = 0; member < count; member += 1) {
      const depth = line.depth(member);
      const above = path[depth - 1] as number;
      // Below what nobody asks for nothing is.
      const node = above === 0 && depth > 1 ? 0 : (below[above * keys + line.key(member)] as number);
      path[depth] = node;
      if (node === 0 || (node === firstItem && members[node] !== absent)) continue;
      members[node] = member;
      for (const under of allBelow[node] as number[]) members[under] = absent;
    }
  }
}
