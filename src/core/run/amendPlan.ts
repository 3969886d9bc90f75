import type { Clock } from '../clock.ts';
import { BadInputError, NotFoundError } from '../errors.ts';
import type { BranchPlan } from '../fork/forkPlan.ts';
import type { BranchId, RunId } from '../ids.ts';
import type { RunStore } from './ports.ts';
import { type LimitChange, withLimits } from './runLimits.ts';

type Deps = { runs: Pick<RunStore, 'plan' | 'amend' | 'append'>; clock: Clock };

/** Writes an added branch into the run's plan and log. Idempotent. For the run’s driver only. */
export async function storeAddedBranch(runId: RunId, branch: BranchPlan, { runs, clock }: Deps): Promise<void> {
  const plan = await runs.plan(runId);
  const { branchId } = branch;
  if (plan.branches.some((known) => known.branchId === branchId)) return;
  await runs.amend({ ...plan, branches: [...plan.branches, branch] });
  await runs.append({ type: 'branch-added', runId, branchId, at: new Date(clock.now()).toISOString() });
}

/** Writes changed limits into the run's plan and log. For the run’s driver only. */
export async function storeLimits(runId: RunId, change: LimitChange, { runs, clock }: Deps): Promise<void> {
  await runs.amend(withLimits(await runs.plan(runId), change));
  await runs.append({ type: 'limits-changed', runId, at: new Date(clock.now()).toISOString(), change });
}

/** Refusals of what is asked of a run under way, the same of both engines. */
export const refusals = {
  over: (runId: RunId) =>
    new BadInputError(`Run ${runId} has ended.`, 'Run it again, or make a new fork of the same turn.'),
  known: (branchId: BranchId) =>
    new BadInputError(
      `The run has a branch ${branchId} already.`,
      'Run `forkpoint add` once more: it takes the next free id.',
    ),
  unknown: (branchId: BranchId) =>
    new NotFoundError(`The run has no branch ${branchId}.`, 'List its branches with `forkpoint status`.'),
};
