import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunId } from '../../../core/ids.ts';
import { retryPolicies, timeouts } from '../../../core/run/retryPolicies.ts';
import type { RunEnd } from '../../../core/run/runPlan.ts';
import type { ScheduleActivities } from '../schedules/scheduleActivities.ts';
import { workflowIdOf } from '../workflowIdOf.ts';
import type { forkRun } from '../workflows.ts';
import {
  type FiredRuns,
  firedRunsSchema,
  type PreparedRun,
  preparedRunSchema,
  type ScheduledOrder,
  scheduledOrderSchema,
} from './scheduledOrder.ts';

/**
 * One firing of a schedule: makes a run of each item, waits for their ends, and compares each with the run before it. While it is
 * under way the schedule leaves further firings out.
 */
export async function scheduledRun(input: unknown): Promise<FiredRuns> {
  const order = orderFrom(input);
  const { lastResult } = workflowInfo();
  const before = firedRunsSchema.safeParse(lastResult).data?.comparable ?? [];
  const fired = await Promise.all(
    Array.from({ length: order.items }, (_item, index) => fire(order, index, before[index] ?? null)),
  );
  return {
    runs: fired.map(({ runId, state }) => ({ runId, state })),
    comparable: fired.map(({ comparable }) => comparable),
  };
}

/** @throws ApplicationFailure: a plain throw would make the server try this task for ever */
function orderFrom(input: unknown): ScheduledOrder {
  const order = scheduledOrderSchema.safeParse(input);
  if (order.success) return order.data;
  throw ApplicationFailure.nonRetryable('Not an order of a schedule.', 'BadScheduledOrder');
}

async function fire({ schedule, order, items: _items }: ScheduledOrder, index: number, previous: RunId | null) {
  const activities = scheduleActivities();
  const firing = workflowInfo().workflowId;
  const prepared = preparedRunSchema.parse(
    await activities.prepareScheduled({ schedule, order, index, firing, previous }),
  );
  const { runId, start } = prepared;
  // One that sent nothing is nothing to compare with.
  if (start === null) return { runId, state: 'failed' as const, comparable: previous };
  const state = await endOf(runId, start);
  // The comparison is an extra: a run is not lost over it.
  if (previous !== null) await activities.compareScheduled(runId).catch(rethrowCancellation);
  return { runId, state, comparable: runId };
}

async function endOf(runId: RunId, start: NonNullable<PreparedRun['start']>): Promise<RunEnd> {
  const { order, memo, summary, attributes } = start;
  try {
    return await executeChild<typeof forkRun>('forkRun', {
      workflowId: workflowIdOf(runId),
      args: [order],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      // Ended from outside, a firing takes no run with it.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      memo,
      staticSummary: summary,
      ...(attributes.length > 0 && { typedSearchAttributes: attributes }),
    });
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    if (isCancellation(error)) return 'cancelled';
    // Of a firing that was reset: the run goes on without it.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return 'completed';
    return 'failed';
  }
}

function rethrowCancellation(error: unknown): void {
  if (isCancellation(error)) throw error;
}

function scheduleActivities(): ScheduleActivities {
  const { initialMs, factor, maxMs, attempts } = retryPolicies.compute;
  return proxyActivities<ScheduleActivities>({
    // A long session is read, and its files are looked for with git.
    startToCloseTimeout: timeouts.modelCall,
    heartbeatTimeout: timeouts.modelHeartbeat,
    retry: {
      initialInterval: initialMs,
      backoffCoefficient: factor,
      maximumInterval: maxMs,
      maximumAttempts: attempts,
    },
  });
}
