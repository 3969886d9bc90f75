import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import type { ChangeStore } from '../../core/agent/agentPorts.ts';
import type { FileVersion } from '../../core/changes/changes.ts';
import { byteSize, plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';

/** Larger files are not taken into the change set; they stay in the place as they are. */
export const largestKept = 50_000_000;

/** A file's content before it is stored. */
export interface Content {
  mode: FileVersion['mode'];
  bytes: Uint8Array;
}

export function modeOf(stats: Stats): FileVersion['mode'] {
  if (stats.isSymbolicLink()) return '120000';
  return (stats.mode & 0o100) === 0 ? '100644' : '100755';
}

/** A file or a link itself, null for all else. */
export async function contentOf(file: string, stats: Stats): Promise<Content | null> {
  if (stats.isSymbolicLink()) return { mode: '120000', bytes: await readlink(file, 'buffer') };
  if (!stats.isFile()) return null;
  const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    return { mode: modeOf(stats), bytes: await handle.readFile() };
  } finally {
    await handle.close();
  }
}

export function sameContent(a: Content | null, b: Content | null): boolean {
  if (a === null || b === null) return a === b;
  return a.mode === b.mode && Buffer.compare(a.bytes, b.bytes) === 0;
}

export async function storeVersion(
  changes: ChangeStore,
  runId: RunId,
  content: Content | null,
): Promise<FileVersion | null> {
  if (content === null) return null;
  return { oid: await changes.put(runId, content.bytes), mode: content.mode, bytes: content.bytes.length };
}

/** What stands beside the changes, gathered while they are looked for. */
export class ChangeNotes {
  readonly #large: string[] = [];
  readonly #repositories: string[] = [];
  readonly #special: string[] = [];
  readonly #colliding: string[] = [];

  large(name: string, bytes: number): void {
    this.#large.push(`${name} (${byteSize(bytes)})`);
  }

  repository(name: string): void {
    this.#repositories.push(name);
  }

  special(name: string): void {
    this.#special.push(name);
  }

  /** New names that are the same as another one for a system that tells less apart. */
  collidingNames(added: readonly string[], all: readonly string[]): void {
    const folded = new Map<string, string[]>();
    for (const name of new Set(all)) {
      const key = name.normalize('NFC').toLowerCase();
      folded.set(key, [...(folded.get(key) ?? []), name]);
    }
    for (const name of added) {
      const same = folded.get(name.normalize('NFC').toLowerCase()) ?? [];
      const other = same.find((each) => each !== name);
      if (other !== undefined) this.#colliding.push(`${name} and ${other}`);
    }
  }

  sentences(): string[] {
    const said: [string[], (list: string) => string][] = [
      [this.#large, (list) => `Too large to compare, kept in the place: ${list}.`],
      [this.#repositories, (list) => `Repositories of their own (submodules), whose changes are not listed: ${list}.`],
      [this.#special, (list) => `No plain files, left out: ${list}.`],
      [this.#colliding, (list) => `One file on systems that ignore case or Unicode forms: ${list}.`],
    ];
    return said.flatMap(([names, say]) => (names.length === 0 ? [] : [say(someOf(names))]));
  }
}

/** The first names, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length <= 5 ? shown : `${shown} and ${plural(names.length - 5, 'other')}`;
}
