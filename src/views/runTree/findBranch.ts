import { NotFoundError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { BranchTarget } from '../commandTable.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { branchName } from './runNodes.ts';

/** A branch with its run, as they are now. */
export interface FoundBranch {
  run: RunView;
  branch: BranchView;
  /** As titles show it. */
  name: string;
}

/** @throws NotFoundError where the run or the branch is gone */
export async function findBranch({ runId, branchId }: BranchTarget, services: ServiceProvider): Promise<FoundBranch> {
  const run = await (await services.get()).forks.run(runId);
  const branch = run.branches.find((candidate) => candidate.branchId === branchId);
  if (branch === undefined) throw new NotFoundError('The run has no such branch.', 'Refresh the Runs view.');
  return { run, branch, name: oneLine(branchName(branch), 40) };
}
