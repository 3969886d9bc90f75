import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import type { BranchId } from '../../core/ids.ts';
import type { AnswerOrder } from '../../core/run/agent/answerOrder.ts';
import type { LimitChange } from '../../core/run/runLimits.ts';
import { type RunOrder, runOrderSchema } from '../../core/run/runOrder.ts';
import type { RunEnd } from '../../core/run/runPlan.ts';
import type { AddOrder, CancelOrder } from '../../core/run/runUpdate.ts';
import { DurableRun } from './durableRun.ts';
import type { BranchProgress } from './runProgress.ts';

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

/** One run: the branch loop of core, with activities for its ports. Everything a reader sees is in the run's log. */
export async function forkRun(input: RunOrder): Promise<RunEnd> {
  const order = runOrderSchema.safeParse(input);
  // A plain throw would make the server try this task for ever.
  if (!order.success) {
    const where = order.error.issues.map(({ code, path }) => `${path.join('.')} (${code})`).join(', ');
    throw ApplicationFailure.nonRetryable(`Not a run order: ${where}`, 'BadRunOrder');
  }
  const run = new DurableRun(order.data);
  setHandler(cancelSignal, (branchId) => run.cancel(branchId));
  setHandler(firstTokenSignal, (branchId) => run.tokenCame(branchId));
  setHandler(questionSignal, (branchId, callId, state) => run.questionIs(branchId, callId, state));
  setHandler(answerUpdate, (given) => run.answer(given), { validator: (given) => run.refuseUnknown(given) });
  setHandler(cancelUpdate, (given) => run.cancelBranch(given), { validator: (given) => run.refuseCancel(given) });
  setHandler(addUpdate, (given) => run.addBranch(given), { validator: (given) => run.refuseAdd(given) });
  setHandler(limitsUpdate, (given) => run.changeLimits(given), { validator: (given) => run.refuseLimits(given) });
  setHandler(progressQuery, () => run.progress());
  const cancelled = CancellationScope.current().cancelRequested;
  cancelled.catch(() => run.cancel(null));
  // A cancelled run still writes down how its branches ended.
  const state = await CancellationScope.nonCancellable(() => run.run());
  // Whoever asked for something hears what became of it.
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  // Cancelled from Temporal's own tools: there the run should read as cancelled too.
  if (CancellationScope.current().consideredCancelled) await cancelled;
  return state;
}
