import { NotFoundError } from '../core/errors.ts';
import type { BranchId } from '../core/ids.ts';
import { nameOf } from '../core/run/nameOf.ts';
import type { RunView } from '../core/run/runView.ts';

/** The branch of a run by its id, or by its name as tables show it. @throws NotFoundError */
export function branchIdOf(view: RunView, given: string): BranchId {
  const found =
    view.branches.find(({ branchId }) => branchId === given) ??
    view.branches.find((branch) => nameOf(branch) === given);
  if (found !== undefined) return found.branchId;
  const names = view.branches.map((branch) => `${nameOf(branch)} (${branch.branchId})`).join(', ');
  throw new NotFoundError(`The run has no branch ${JSON.stringify(given)}.`, `It has ${names}.`);
}
