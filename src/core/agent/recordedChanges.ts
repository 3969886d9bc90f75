import type { ChangeSet, FileVersion } from '../changes/changes.ts';
import { pathInside } from '../files/filePaths.ts';
import { firstOf } from '../format.ts';
import type { BlobRef } from '../ids.ts';
import type { PlacedFile, PlacedFiles } from './agentSettings.ts';

/**
 * What the recorded course changed: the difference of two states of the recording, for diffs of a branch with it. Files of which one
 * of the states is not known are left out, and said.
 * @param order.put stores a version, gives its git object id
 */
export async function recordedChanges(order: {
  /** Absolute, as recorded. */
  root: string;
  before: PlacedFiles;
  after: PlacedFiles;
  readBlob: (ref: BlobRef) => Promise<Uint8Array>;
  put: (bytes: Uint8Array) => Promise<string>;
}): Promise<ChangeSet> {
  const { root, before, after, readBlob, put } = order;
  const stored = new Map<BlobRef, { oid: string; bytes: number }>();
  const version = async (file: PlacedFile, other: PlacedFile): Promise<FileVersion | null> => {
    if (file.content === null) return null;
    const bytes = stored.get(file.content) === undefined ? await readBlob(file.content) : null;
    const known = stored.get(file.content) ?? { oid: await put(bytes ?? new Uint8Array()), bytes: bytes?.length ?? 0 };
    stored.set(file.content, known);
    return { ...known, mode: modeOf(file.mode ?? other.mode) };
  };
  const had = new Map(before.files.map((file) => [file.path, file]));
  const has = new Map(after.files.map((file) => [file.path, file]));
  const set: ChangeSet = { root, changes: [], notes: [] };
  for (const [name, to] of has) {
    const [from, path] = [had.get(name), pathInside(root, name)];
    if (from === undefined || path === null || isSame(from, to)) continue;
    set.changes.push({ path, before: await version(from, to), after: await version(to, from) });
  }
  set.changes.sort((a, b) => (a.path < b.path ? -1 : 1));
  const oneSided = [...new Set([...had.keys(), ...has.keys()])].filter((name) => !had.has(name) || !has.has(name));
  if (oneSided.length > 0) {
    const names = oneSided.sort().map((name) => pathInside(root, name) ?? name);
    set.notes.push(`Known at one end of the recorded course only, and left out: ${firstOf(names, 5)}`);
  }
  return set;
}

/** @param mode permission bits in octal, null where not recorded */
function modeOf(mode: string | null): FileVersion['mode'] {
  return mode !== null && (Number.parseInt(mode, 8) & 0o100) !== 0 ? '100755' : '100644';
}

function isSame(a: PlacedFile, b: PlacedFile): boolean {
  if (a.content !== b.content) return false;
  return a.content === null || modeOf(a.mode ?? b.mode) === modeOf(b.mode ?? a.mode);
}
