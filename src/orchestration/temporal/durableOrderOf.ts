import type { BlobStore } from '../../core/blobStore.ts';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';
import { type RetryPolicy, retryPolicies, timeouts } from '../../core/run/retryPolicies.ts';
import type { DurableOrder } from './durableRun/durableOrder.ts';

/**
 * Branches that a run has under way at once: five workers' fill. The server takes at most 2,000 pending activities of a workflow, a
 * workflow's code at most five seconds at a time, and a branch's time is not to run out while it waits for a worker.
 */
const defaultBranchesAtOnce = 100;

export interface DurableOrderOptions {
  blobs: BlobStore;
  /** Default: the table of `retryPolicies.ts`. */
  retry?: RetryPolicy;
  /** Heartbeat timeout of a worker. Default: the table of timeouts. */
  heartbeatMs?: number;
  /** Events of a workflow's history after which it goes on in a new one. Default: when the server suggests it. */
  continueAfterEvents?: number;
  /** Branches that a run has under way at once. Default 100. */
  branchesAtOnce?: number;
}

/** What the workflow needs of the plan it loads itself: of any plan, this holds a reference. */
export async function durableOrderOf(
  plan: ForkPlan,
  what: Pick<DurableOrder, 'branches' | 'attempt' | 'hasLog'>,
  options: DurableOrderOptions,
): Promise<DurableOrder> {
  const { blobs, continueAfterEvents, branchesAtOnce = defaultBranchesAtOnce } = options;
  const { retry = retryPolicies.modelApi, heartbeatMs = timeouts.modelHeartbeat } = options;
  return {
    version: 2,
    runId: plan.runId,
    plan: await blobs.put(plan),
    ...what,
    retry,
    heartbeatMs,
    branchesAtOnce,
    together: true,
    ...(continueAfterEvents !== undefined && { continueAfterEvents }),
    cursor: null,
  };
}
