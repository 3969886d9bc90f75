import type { UpdateDefinition } from '@temporalio/common';
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
import { type LoadedRun, loadRun, runInOrder } from './durableRun/loadedRun.ts';
import { fileActivities, localActivities } from './durableRun/runActivities.ts';
import type { BranchProgress } from './durableRun/runProgress.ts';
import type { Update } from './durableRun/runUpdates.ts';

export { scheduledRun } from './durableRun/scheduledRun.ts';

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
  const begun = new BegunRun();
  // An update that finds no handler is refused; signals are kept.
  if (order.version === 2) handleUpdates(begun);
  // Without an `await` where there is nothing to load: what older versions did must be done again in a replay, step by step.
  const run = new DurableRun(order, order.version === 1 ? runInOrder(order) : await load(order));
  handleSignals(run);
  if (order.version === 1) {
    begun.is(run);
    handleUpdates(begun);
  }
  const cancelled = CancellationScope.current().cancelRequested;
  cancelled.catch(() => run.cancel(null));
  // A cancelled run still writes down how its branches ended.
  const state = await CancellationScope.nonCancellable(() =>
    order.version === 1 ? run.run() : endOrContinue(run, begun),
  );
  // Every update gets its answer before the workflow ends.
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

function load(order: DurableOrder): Promise<LoadedRun> {
  return CancellationScope.nonCancellable(() => loadRun(order, localActivities(), fileActivities()));
}

/** The run, once its branches are on their way. */
class BegunRun {
  run: DurableRun | null = null;
  readonly begun: Promise<DurableRun>;
  #resolve: (run: DurableRun) => void = () => {};

  constructor() {
    this.begun = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  is(run: DurableRun): void {
    this.run = run;
    this.#resolve(run);
  }
}

function handleSignals(run: DurableRun): void {
  setHandler(cancelSignal, (branchId) => run.cancel(branchId));
  setHandler(firstTokenSignal, (branchId) => run.tokenCame(branchId));
  setHandler(questionSignal, (branchId, callId, state) => run.questionIs(branchId, callId, state));
}

function handleUpdates(begun: BegunRun): void {
  setHandler(progressQuery, () => begun.run?.progress() ?? {});
  handleUpdate(begun, answerUpdate, ({ updates }) => updates.answer);
  handleUpdate(begun, cancelUpdate, ({ updates }) => updates.cancelBranch);
  handleUpdate(begun, addUpdate, ({ updates }) => updates.addBranch);
  handleUpdate(begun, limitsUpdate, ({ updates }) => updates.changeLimits);
}

/** One that comes before the run has begun is looked at when it has: refused then, it stands in the history all the same. */
function handleUpdate<A, R>(
  begun: BegunRun,
  definition: UpdateDefinition<R, [A]>,
  updateOf: (run: DurableRun) => Update<A, R>,
): void {
  const carryOutLater = async (given: A): Promise<R> => {
    const update = updateOf(await begun.begun);
    update.refuse(given);
    return update.carryOut(given);
  };
  setHandler(
    definition,
    (given: A) => (begun.run === null ? carryOutLater(given) : updateOf(begun.run).carryOut(given)),
    {
      validator: (given: A) => {
        if (begun.run !== null) updateOf(begun.run).refuse(given);
      },
    },
  );
}

/** Runs the branches to their ends, or ends this execution for another one. */
async function endOrContinue(run: DurableRun, begun: BegunRun): Promise<RunEnd> {
  const ended = run.run();
  begun.is(run);
  const end = await Promise.race([ended, run.next()]);
  return typeof end === 'string' ? end : continueAsNew<typeof forkRun>(end);
}
