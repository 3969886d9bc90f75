import type { Stats } from 'node:fs';
import { plainFileSync } from './plainFiles.ts';

/** Of which file, and which state of it, something was read: two equal ones mean that nothing needs to be read again. */
export interface FileStamp {
  inode: number;
  bytes: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
  /** All that changes when somebody writes to the file or puts another one in its place; compared, never read. */
  text: string;
}

/** Of a file that was not looked at. */
export const noStamp: FileStamp = { inode: 0, bytes: 0, modifiedAt: 0, text: '' };

/** The inode's own time stands in it too: the content's can be set back. */
export function stampOf({ ino, size, mtimeMs, ctimeMs }: Stats): FileStamp {
  return { inode: ino, bytes: size, modifiedAt: mtimeMs, text: `${ino}:${size}:${mtimeMs}:${ctimeMs}` };
}

/** When the file's content changed last, ISO 8601: as `Stats.mtime` is, which a kept copy gets. */
export function modifiedTime({ modifiedAt }: Pick<FileStamp, 'modifiedAt'>): string {
  return new Date(Math.round(modifiedAt)).toISOString();
}

export function isSameStamp(a: FileStamp, b: FileStamp): boolean {
  return a.text === b.text;
}

/** Null for what is not there and for what is no plain file. */
export function fileStamp(file: string): FileStamp | null {
  const stats = plainFileSync(file);
  return stats === null ? null : stampOf(stats);
}
