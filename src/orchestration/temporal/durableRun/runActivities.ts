import { ActivityCancellationType, proxyActivities, proxyLocalActivities, workflowInfo } from '@temporalio/workflow';
import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import { type RetryPolicy, retryPolicies, timeouts } from '../../../core/run/retryPolicies.ts';
import type { Activities } from '../activities.ts';
import { agentQueueOf } from '../agentQueueOf.ts';

/** What the activities of a run are told by its order. */
export interface CallLimits {
  retry: RetryPolicy;
  heartbeatMs: number;
}

const byLocalPolicy = {
  startToCloseTimeout: timeouts.local,
  retry: {
    initialInterval: retryPolicies.local.initialMs,
    backoffCoefficient: retryPolicies.local.factor,
    maximumInterval: retryPolicies.local.maxMs,
    maximumAttempts: retryPolicies.local.attempts,
  },
};

/** For our own files. */
export function localActivities(): Activities {
  return proxyLocalActivities<Activities>(byLocalPolicy);
}

/**
 * The same one at a time. Of several that are under way a replay learns together what came one after the other when it was recorded, and
 * what follows from them would be asked for in another order.
 */
export function localActivitiesInTurn(): Activities {
  const local = localActivities();
  let before: Promise<unknown> = Promise.resolve();
  return new Proxy(local, {
    get(_target, name: keyof Activities) {
      const activity: (input: never) => Promise<unknown> = local[name];
      return (input: never): Promise<unknown> => {
        const done = before.then(() => activity(input));
        before = done.catch(() => {});
        return done;
      };
    },
  });
}

/** The same for results that are too many for one exchange with the server: each of these is reported on its own. */
export function fileActivities(): Activities {
  return proxyActivities<Activities>(byLocalPolicy);
}

/** For model calls of a branch. */
export function modelActivities(branch: BranchPlan, { retry, heartbeatMs }: CallLimits): Activities {
  return proxyActivities<Activities>({
    // The branch's own time limit, which may change, ends a call that takes too long; this one is for a server that lost track.
    startToCloseTimeout: timeouts.longestBranch + timeouts.fileIo,
    heartbeatTimeout: heartbeatMs,
    // The activity chooses each delay itself, by the same table; see `nextRetryDelay`.
    retry: { initialInterval: retry.initialMs, maximumInterval: retry.maxMs, maximumAttempts: retry.attempts },
    // What was received is written down before the branch ends.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: `${branch.name} · ${branch.model}`,
  });
}

/** For what agents do. @param summary for a person who looks at it in the web UI */
export function agentActivities(summary: string, heartbeatMs: number): Activities {
  const { initialMs, factor, maxMs, attempts } = retryPolicies.compute;
  return proxyActivities<Activities>({
    taskQueue: agentQueueOf(workflowInfo().taskQueue),
    // A person may take days to answer; the work itself looks after the branch's time limit.
    startToCloseTimeout: timeouts.agent,
    heartbeatTimeout: heartbeatMs,
    retry: {
      initialInterval: initialMs,
      backoffCoefficient: factor,
      maximumInterval: maxMs,
      maximumAttempts: attempts,
    },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary,
  });
}
