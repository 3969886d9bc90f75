import type { ForkPoint } from '../../../core/fork/forkRequest.ts';
import type { ConversationRow } from '../protocol.ts';

export interface DropPlace {
  at: ForkPoint;
  /** Row beside the line, and the side that the line is on. */
  row: number;
  side: 'before' | 'after';
}

/**
 * The cut that a drop between two rows means. Between turns that is the one that puts the next prompt back; null where the
 * history can't be cut, for example between a tool call and its result.
 */
export function dropPlace(
  row: number,
  lowerHalf: boolean,
  rowAt: (row: number) => ConversationRow | null,
): DropPlace | null {
  const [upper, lower] = lowerHalf ? [row, row + 1] : [row - 1, row];
  const before = rowAt(lower)?.cutBefore;
  if (before) return { at: before, row: lower, side: 'before' };
  const after = rowAt(upper)?.cutAfter;
  return after ? { at: after, row: upper, side: 'after' } : null;
}
