import type { Stats } from 'node:fs';

/** Of which file, and which state of it, something was read. */
export interface ScannedState {
  inode: number;
  bytes: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

export function isSame(a: ScannedState, b: ScannedState): boolean {
  return a.inode === b.inode && a.bytes === b.bytes && a.modifiedAt === b.modifiedAt;
}

export function stateOf({ ino, size, mtimeMs }: Stats): ScannedState {
  return { inode: ino, bytes: size, modifiedAt: mtimeMs };
}
