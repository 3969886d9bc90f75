import { isSame, type ScannedState } from '../scannedState.ts';
import type { Outlines } from './outlineIndex.ts';

/** A part of what is remembered of a file, where it is of this very state of the file; else null. */
export function partOf<Stored extends { state: ScannedState }>(
  outlines: Outlines,
  file: string,
  part: string,
  state: ScannedState,
): Stored | null {
  const stored = outlines.get(file, part) as Stored | null;
  return stored !== null && isSame(stored.state, state) ? stored : null;
}
