import { NotFoundError } from '../../errors.ts';
import type { BranchView } from '../runView.ts';

/** Why there is nothing to show of what a branch changed. */
export function noChanges({ name, state, steps }: Pick<BranchView, 'name' | 'state' | 'steps'>): NotFoundError {
  if (state === 'pending' || state === 'running' || state === 'waiting') {
    return new NotFoundError(`What “${name}” changed isn’t known yet.`, 'Wait until the branch has ended.');
  }
  if (steps > 0) {
    return new NotFoundError(
      `What “${name}” changed was not looked at: it was interrupted.`,
      'Run Resume or Retry Failed.',
    );
  }
  return new NotFoundError(
    `“${name}” changed nothing: its agent never began to work.`,
    'See why with `forkpoint status`, then run Retry Failed.',
  );
}
