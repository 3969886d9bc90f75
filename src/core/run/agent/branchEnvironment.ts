import type { BranchPlan, ForkPlan } from '../../fork/forkPlan.ts';
import type { RunStore } from '../ports.ts';

/** What agent, set-up and checks of a branch find in their environment, so that servers and databases can be kept apart. */
export async function branchEnvironment(
  plan: ForkPlan,
  branch: BranchPlan,
  runs: RunStore,
): Promise<Record<string, string>> {
  const events = await runs.events(plan.runId);
  const ready = events.findLast((event) => event.type === 'place-ready' && event.branchId === branch.branchId);
  const port = ready?.type === 'place-ready' ? ready.port : null;
  return {
    FORKPOINT_RUN: plan.runId,
    FORKPOINT_BRANCH: branch.branchId,
    FORKPOINT_BRANCH_NAME: branch.name,
    FORKPOINT_BRANCH_INDEX: String(plan.branches.indexOf(branch)),
    ...(port !== null && { FORKPOINT_PORT: String(port) }),
  };
}
