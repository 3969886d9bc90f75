import { BadInputError } from '../core/errors.ts';
import type { ForkPoint } from '../core/fork/forkRequest.ts';

export interface PointOptions {
  turn?: number;
  before?: string;
  after?: string;
}

/** The cut that the options name, null where they name none. @throws BadInputError for more than one */
export function pointOf({ turn, before, after }: PointOptions): ForkPoint | null {
  const points: ForkPoint[] = [];
  if (turn !== undefined) points.push({ turn });
  if (before !== undefined) points.push({ before });
  if (after !== undefined) points.push({ after });
  if (points.length > 1) {
    throw new BadInputError('A fork has one point.', 'Give only one of --turn, --before and --after.', { path: 'at' });
  }
  return points[0] ?? null;
}
