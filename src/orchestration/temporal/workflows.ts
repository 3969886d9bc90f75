import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import type { BranchId } from '../../core/ids.ts';
import type { AnswerOrder } from '../../core/run/agent/answerOrder.ts';
import type { LimitChange } from '../../core/run/runLimits.ts';
import type { RunOrder } from '../../core/run/runOrder.ts';
import type { RunEnd } from '../../core/run/runPlan.ts';
import type { AddOrder, CancelOrder } from '../../core/run/runUpdate.ts';
import { anyOrderSchema, type DurableOrder } from './durableRun/durableOrder.ts';
import { DurableRun } from './durableRun/durableRun.ts';
import { loadRun, runInOrder } from './durableRun/loadedRun.ts';
import { fileActivities, localActivities } from './durableRun/runActivities.ts';
import type { BranchProgress } from './durableRun/runProgress.ts';

/** Cancels a branch, or (null) the whole run. */
const cancelSignal = defineSignal<[BranchId | null]>('cancel');
/** Sent by the activity of a branch that others wait for. */
const firstTokenSignal = defineSignal<[BranchId]>('firstToken');
/** Sent by the activity of an agent: a question is open, or is open no more. */
const questionSignal = defineSignal<[BranchId, string, 'open' | 'closed']>('question');
/** A person's answer to an open question; refused where none of that id is open in the branch. */
const answerUpdate = defineUpdate<void, [AnswerOrder]>('answer');
/** Cancels a branch that has not ended. Gives where it stood. */
const cancelUpdate = defineUpdate<'running' | 'pending', [CancelOrder]>('cancelBranch');
/** Adds a branch to the run. */
const addUpdate = defineUpdate<void, [AddOrder]>('addBranch');
/** Changes the budget, the time limit or the concurrency. */
const limitsUpdate = defineUpdate<void, [LimitChange]>('changeLimits');
/** How each branch stands: step, tokens, cost, what it waits for. */
const progressQuery = defineQuery<Record<string, BranchProgress>>('progress');

/**
 * One run: the branch loop of core, with activities for its ports. Everything a reader sees is in the run's log. A long run goes
 * through several executions of the same workflow id.
 */
export async function forkRun(input: RunOrder | DurableOrder): Promise<RunEnd> {
  const order = orderFrom(input);
  let run: DurableRun | null = null;
  setHandler(progressQuery, () => run?.progress() ?? {});
  // Without an `await` where there is nothing to load: what older versions did must be done again in a replay, step by step.
  const loaded =
    order.version === 1
      ? runInOrder(order)
      : await CancellationScope.nonCancellable(() => loadRun(order, localActivities(), fileActivities()));
  run = new DurableRun(order, loaded);
  handle(run);
  const cancelled = CancellationScope.current().cancelRequested;
  cancelled.catch(() => run.cancel(null));
  // A cancelled run still writes down how its branches ended.
  const state = await CancellationScope.nonCancellable(() => (order.version === 1 ? run.run() : endOrContinue(run)));
  // Whoever asked for something hears what became of it.
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  // Cancelled from Temporal's own tools: there the run should read as cancelled too.
  if (CancellationScope.current().consideredCancelled) await cancelled;
  return state;
}

/** @throws ApplicationFailure: a plain throw would make the server try this task for ever */
function orderFrom(input: unknown): RunOrder | DurableOrder {
  const order = anyOrderSchema.safeParse(input);
  if (order.success) return order.data;
  const where = order.error.issues.map(({ code, path }) => `${path.join('.')} (${code})`).join(', ');
  throw ApplicationFailure.nonRetryable(`Not a run order: ${where}`, 'BadRunOrder');
}

function handle(run: DurableRun): void {
  const { answer, cancelBranch, addBranch, changeLimits } = run.updates;
  setHandler(cancelSignal, (branchId) => run.cancel(branchId));
  setHandler(firstTokenSignal, (branchId) => run.tokenCame(branchId));
  setHandler(questionSignal, (branchId, callId, state) => run.questionIs(branchId, callId, state));
  setHandler(answerUpdate, answer.carryOut, { validator: answer.refuse });
  setHandler(cancelUpdate, cancelBranch.carryOut, { validator: cancelBranch.refuse });
  setHandler(addUpdate, addBranch.carryOut, { validator: addBranch.refuse });
  setHandler(limitsUpdate, changeLimits.carryOut, { validator: changeLimits.refuse });
}

/** Runs the branches to their ends, or ends this execution for another one. */
async function endOrContinue(run: DurableRun): Promise<RunEnd> {
  const end = await Promise.race([run.run(), run.next()]);
  return typeof end === 'string' ? end : continueAsNew<typeof forkRun>(end);
}
