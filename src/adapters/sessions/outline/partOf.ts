import { type FileStamp, isSameStamp } from '../../fileStamp.ts';
import type { Outlines } from './outlineIndex.ts';

/** A part of what is cached of a file, where it is of this very state of the file; else null. */
export function partOf<Stored extends { state: FileStamp }>(
  outlines: Outlines,
  file: string,
  part: string,
  state: FileStamp,
): Stored | null {
  const stored = outlines.get(file, part) as Stored | null;
  return stored !== null && isSameStamp(stored.state, state) ? stored : null;
}
