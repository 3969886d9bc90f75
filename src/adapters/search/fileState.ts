import { readSync } from 'node:fs';
import { plainFileSync } from '../plainFiles.ts';
import { sha256Hash } from '../sha256.ts';

/** What tells a file's content from another: equal states, equal bytes. */
export interface FileState {
  inode: string;
  size: number;
  /** Milliseconds since the epoch. */
  changedAt: number;
  /**
   * All that changes when somebody writes to the file or puts another in its place. The inode's own time stands for the
   * content's, which can be set back.
   */
  text: string;
}

/** Bytes before a place that are compared when the file has grown. */
const tailBytes = 4096;

/** Null for what is not there and for what is no plain file. */
export function fileState(file: string): FileState | null {
  const stats = plainFileSync(file);
  if (stats === null) return null;
  const { ino, size, mtimeMs, ctimeMs } = stats;
  return { inode: String(ino), size, changedAt: mtimeMs, text: `${ino}:${size}:${ctimeMs}` };
}

/** Digest of the last bytes before a place, to notice that what was read isn't there any more. */
export function tailDigest(handle: number, end: number): string {
  const start = Math.max(0, end - tailBytes);
  const tail = Buffer.alloc(end - start);
  return sha256Hash()
    .update(tail.subarray(0, readSync(handle, tail, 0, tail.length, start)))
    .digest('base64');
}
