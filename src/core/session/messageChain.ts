import { isCompactBoundary } from './compaction.ts';
import { FollowedRecords } from './followedRecords.ts';
import { textField } from './jsonRecord.ts';
import type { ParseProblem } from './recordedSession.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

/** A chained record with its resolved parent. */
export interface ChainNode {
  entry: TranscriptEntry & { uuid: string };
  /** What it continues, across compaction boundaries too; null for a beginning. */
  parent: ChainNode | null;
  /** Position among the chained records in file order. */
  order: number;
}

/** The records of one conversation, linked. */
export interface MessageChain {
  /** In file order. */
  nodes: ChainNode[];
  byUuid: Map<string, ChainNode>;
  problems: ParseProblem[];
}

export function hasUuid(entry: TranscriptEntry): entry is ChainNode['entry'] {
  return entry.uuid !== null;
}

/** Finds the first record above others while the chain is being linked. Caches the paths that it walked, so that each is walked once. */
class Beginnings {
  readonly #above = new Map<ChainNode, ChainNode>();

  of(node: ChainNode): ChainNode {
    const way: ChainNode[] = [];
    let at = node;
    for (let next = this.#above.get(at) ?? at.parent; next !== null; next = this.#above.get(at) ?? at.parent) {
      way.push(at);
      at = next;
    }
    for (const member of way) this.#above.set(member, at);
    return at;
  }
}

/**
 * Whether the file begins with this compaction boundary: a fork copies what came after it only, and there what the compaction
 * preserved stands behind the boundary.
 */
function beginsFork(node: ChainNode): boolean {
  return node.order === 0 && node.entry.parentUuid === null && isCompactBoundary(node.entry);
}

function looseParent({ entry }: ChainNode, named: string, isItself: boolean): ParseProblem {
  const why = isItself ? 'is itself' : 'is not in the file';
  return {
    line: entry.line,
    kind: isItself ? 'parent_cycle' : 'missing_parent',
    detail: `Message ${named} that this one answers ${why}; file order is used.`,
  };
}

/**
 * Links records by `parentUuid`. Where a parent is missing or is its own descendant, file order takes its place and
 * a problem says so. Where Claude Code hung a record
 * elsewhere than it follows, it is put right without a word (`FollowedRecords`).
 * @param entries of one conversation in file order (the main one, or one subagent's)
 */
export function linkChain(entries: readonly TranscriptEntry[]): MessageChain {
  const nodes: ChainNode[] = entries.filter(hasUuid).map((entry, order) => ({ entry, parent: null, order }));
  const byUuid = new Map(nodes.map((node) => [node.entry.uuid, node]));
  const problems: ParseProblem[] = [];
  const followed = new FollowedRecords(entries, nodes, byUuid);
  const forward: { node: ChainNode; parent: ChainNode }[] = [];
  for (const node of nodes) {
    const named = node.entry.parentUuid ?? node.entry.facts.logicalParent;
    const parent = named === null ? undefined : byUuid.get(named);
    if (parent === undefined || parent === node) {
      if (named !== null) node.parent = nodes[node.order - 1] ?? null;
      if (named !== null && !beginsFork(node)) problems.push(looseParent(node, named, parent === node));
    } else if (parent.order > node.order) forward.push({ node, parent });
    else node.parent = followed.of(node, parent);
    followed.linked(node);
  }
  // Links to earlier records can't close a cycle. One to a later record can, so these come last and each is checked.
  // The record has no parent yet, so it is above another one only if it is the beginning of that one's line.
  const beginnings = new Beginnings();
  for (const { node, parent } of forward) {
    if (beginnings.of(parent) !== node) {
      node.parent = parent;
      continue;
    }
    const before = nodes[node.order - 1];
    node.parent = before !== undefined && beginnings.of(before) !== node ? before : null;
    if (beginsFork(node)) continue;
    problems.push({
      line: node.entry.line,
      kind: 'parent_cycle',
      detail: 'The message is its own ancestor; file order is used.',
    });
  }
  return { nodes, byUuid, problems };
}

/** The node and its ancestors, oldest first. */
export function pathTo(node: ChainNode | null): ChainNode[] {
  const path: ChainNode[] = [];
  for (let at = node; at !== null; at = at.parent) path.push(at);
  return path.reverse();
}

/**
 * Leaf that resuming the session would continue: the newest record, unless Claude Code wrote down after it that the
 * person went back (`last-prompt` with `explicit`). Null where there is none, or where they went back to the beginning.
 */
export function activeLeaf(entries: readonly TranscriptEntry[], chain: MessageChain): ChainNode | null {
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const entry = entries[at];
    if (entry === undefined) continue;
    if (entry.type === 'last-prompt' && entry.record.explicit === true)
      return chain.byUuid.get(textField(entry.record, 'leafUuid') ?? '') ?? null;
    const node = entry.uuid === null ? undefined : chain.byUuid.get(entry.uuid);
    if (node !== undefined) return leafBelow(node, chain);
  }
  return null;
}

/** Where the newest way on from a record ends: a record may be written after those that hang on it. */
function leafBelow(node: ChainNode, { nodes }: MessageChain): ChainNode {
  if (!nodes.some(({ parent }) => parent === node)) return node;
  const newestChild = new Map<ChainNode, ChainNode>();
  for (const child of nodes) if (child.parent !== null) newestChild.set(child.parent, child);
  let leaf = node;
  for (let next = newestChild.get(leaf); next !== undefined; next = newestChild.get(leaf)) leaf = next;
  return leaf;
}
