import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  TimeoutFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { type AnswerOrder, answerOrderSchema } from '../../core/agent/answerOrder.ts';
import type { AgentBranchPorts } from '../../core/agent/runAgentBranch.ts';
import { EngineUnavailableError } from '../../core/errors.ts';
import type { BranchPlan } from '../../core/fork/forkPlan.ts';
import type { BranchId } from '../../core/ids.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import { stepResultSchema } from '../../core/run/branchOutcome.ts';
import { callFailureSchema, fromCallFailure } from '../../core/run/callFailure.ts';
import { retryPolicies, timeouts } from '../../core/run/retryPolicies.ts';
import type { BranchPorts } from '../../core/run/runBranch.ts';
import { type RunOrder, runOrderSchema } from '../../core/run/runOrder.ts';
import { BranchStopped, type PlanPorts, runPlan } from '../../core/run/runPlan.ts';
import type { Activities } from './activities.ts';
import { agentQueueOf } from './agentQueueOf.ts';

/** Cancels a branch, or (null) the whole run. */
const cancelSignal = defineSignal<[BranchId | null]>('cancel');
/** Sent by the activity of a branch that others wait for. */
const firstTokenSignal = defineSignal<[BranchId]>('firstToken');
/** Sent by the activity of an agent: a question is open, or is open no more. */
const questionSignal = defineSignal<[BranchId, string, 'open' | 'closed']>('question');
/** A person's answer to an open question; refused where none of that id is open in the branch. */
const answerUpdate = defineUpdate<void, [AnswerOrder]>('answer');
/** State of each branch that has started. */
const progressQuery = defineQuery<Record<string, string>>('progress');

/** One run: the branch loop of core, with activities for its ports. Everything a reader sees is in the run's log. */
export async function forkRun(input: RunOrder): Promise<'completed' | 'failed' | 'cancelled'> {
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
  setHandler(progressQuery, () => Object.fromEntries(run.states));
  const cancelled = CancellationScope.current().cancelRequested;
  cancelled.catch(() => run.cancel(null));
  // A cancelled run still writes down how its branches ended.
  const state = await CancellationScope.nonCancellable(() => runPlan(order.data.plan, order.data, run));
  // Cancelled from Temporal's own tools: there the run should read as cancelled too.
  if (CancellationScope.current().consideredCancelled) await cancelled;
  return state;
}

/** The ports of one run. */
class DurableRun implements PlanPorts {
  readonly states = new Map<BranchId, string>();
  readonly #order: RunOrder;
  readonly #local: Activities;
  /** How to stop the branches that have not ended. */
  readonly #stops = new Map<BranchId, () => void>();
  readonly #cancelled = new Set<BranchId>();
  readonly #baselines = new CancellationScope({ cancellable: true });
  /** Open questions as `branch call`; an answered one is open no more. */
  readonly #questions = new Set<string>();
  readonly #tokens = new Map<BranchId, { came: Promise<void>; announce: () => void }>();
  #unwritten: BranchEvent[] = [];
  #writing: Promise<void> | null = null;

  constructor(order: RunOrder) {
    this.#order = order;
    const { initialMs, factor, maxMs, attempts } = retryPolicies.local;
    this.#local = proxyLocalActivities<Activities>({
      startToCloseTimeout: timeouts.local,
      retry: {
        initialInterval: initialMs,
        backoffCoefficient: factor,
        maximumInterval: maxMs,
        maximumAttempts: attempts,
      },
    });
  }

  cancel(branchId: BranchId | null): void {
    const ids = branchId === null ? this.#order.branches : [branchId];
    if (branchId === null) this.#baselines.cancel();
    for (const id of ids) {
      this.#cancelled.add(id);
      this.#stops.get(id)?.();
    }
  }

  questionIs(branchId: BranchId, callId: string, state: 'open' | 'closed'): void {
    if (state === 'open') this.#questions.add(`${branchId} ${callId}`);
    else this.#questions.delete(`${branchId} ${callId}`);
  }

  #closeQuestions(branchId: BranchId): void {
    for (const question of this.#questions) if (question.startsWith(`${branchId} `)) this.#questions.delete(question);
  }

  /** Runs before an answer enters the history. */
  refuseUnknown(given: AnswerOrder): void {
    const { branchId, callId } = answerOrderSchema.parse(given);
    if (this.#questions.has(`${branchId} ${callId}`)) return;
    throw ApplicationFailure.nonRetryable(`No question ${callId} is open in branch ${branchId}.`, 'NoSuchQuestion');
  }

  async answer({ branchId, callId, answer }: AnswerOrder): Promise<void> {
    const question = `${branchId} ${callId}`;
    this.#questions.delete(question);
    const { runId } = this.#order.plan;
    try {
      await CancellationScope.nonCancellable(() => this.#local.giveAnswer({ runId, branchId, callId, answer }));
    } catch (error) {
      // Nothing came of the answer: it may be given again.
      this.#questions.add(question);
      throw error;
    }
  }

  tokenCame(branchId: BranchId): void {
    this.#token(branchId).announce();
  }

  firstToken(branchId: BranchId): Promise<void> {
    return this.#token(branchId).came;
  }

  now(): string {
    return new Date().toISOString();
  }

  /** Events of the same moment go into one local activity: each costs a few milliseconds. */
  record(event: BranchEvent): Promise<void> {
    this.#note(event);
    this.#unwritten.push(event);
    // The next event comes at once and writes it along: the first branch's start, or the run's end.
    if (event.type === 'run-started' || (event.type === 'branch-ended' && this.#allEnded())) return Promise.resolve();
    this.#writing ??= Promise.resolve().then(() => {
      const events = this.#unwritten;
      this.#unwritten = [];
      this.#writing = null;
      return CancellationScope.nonCancellable(() => this.#local.appendEvents(events));
    });
    return this.#writing;
  }

  async branch<T>(
    branch: BranchPlan,
    limits: { gate: Promise<void> | null; timeoutMs: number | null },
    work: (ports: BranchPorts) => Promise<T>,
  ): Promise<T> {
    const scope = new CancellationScope({ cancellable: true });
    let stopped: 'cancelled' | 'timeout' | null = null;
    const stop = (reason: 'cancelled' | 'timeout'): void => {
      stopped ??= reason;
      scope.cancel();
    };
    this.#stops.set(branch.branchId, () => stop('cancelled'));
    if (this.#cancelled.has(branch.branchId)) stop('cancelled');
    try {
      return await scope.run(async () => {
        await Promise.race([limits.gate ?? undefined, scope.cancelRequested]);
        const timer = new CancellationScope({ cancellable: true });
        const { timeoutMs } = limits;
        if (timeoutMs !== null) {
          void timer
            .run(() => sleep(timeoutMs))
            .then(
              () => stop('timeout'),
              () => undefined,
            );
        }
        try {
          return await work(this.#ports(branch));
        } finally {
          timer.cancel();
        }
      });
    } catch (error) {
      if (stopped !== null) throw new BranchStopped(stopped);
      throw error;
    } finally {
      this.#stops.delete(branch.branchId);
    }
  }

  #ports(branch: BranchPlan): BranchPorts {
    const { retry, heartbeatMs, plan } = this.#order;
    const remote = proxyActivities<Activities>({
      // The branch's own time limit ends a call that takes too long; this one is for a server that lost track.
      startToCloseTimeout: plan.timeoutSeconds * 1000 + timeouts.fileIo,
      heartbeatTimeout: heartbeatMs,
      // The activity chooses each delay itself, by the same table; see `nextRetryDelay`.
      retry: { initialInterval: retry.initialMs, maximumInterval: retry.maxMs, maximumAttempts: retry.attempts },
      // What was received is written down before the branch ends.
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      summary: `${branch.name} · ${branch.model}`,
    });
    return {
      call: async (call) => {
        const announceFirstToken = this.#tokens.has(branch.branchId);
        const result = await remote.callModel({ call, retry, announceFirstToken }).catch(rethrowAsOurs);
        return stepResultSchema.parse(result);
      },
      advance: (input) => this.#local.advanceBranch(input).catch(rethrowAsOurs),
      agent: this.#agentPorts(branch),
    };
  }

  checkBaselines(): Promise<void> {
    const remote = this.#agentActivities('checks of the baselines');
    return this.#baselines.run(() => remote.checkBaselines(this.#order.plan.runId).catch(rethrowAsOurs));
  }

  #agentPorts(branch: BranchPlan): AgentBranchPorts {
    const remote = this.#agentActivities(`${branch.name} · ${branch.model}`);
    const announceFirstToken = this.#tokens.has(branch.branchId);
    return {
      prepare: (ref) => remote.prepareAgent(ref).catch(rethrowAsOurs),
      turn: async (ref) => {
        try {
          return await remote.agentTurn({ ...ref, announceFirstToken }).catch(rethrowAsOurs);
        } finally {
          // With its process nobody waits for answers any more, whether or not its last word came.
          this.#closeQuestions(ref.branchId);
        }
      },
      waitUntil: async (ref, until) => {
        await this.#local.noteWaiting({ ...ref, until });
        await sleep(Math.max(0, Date.parse(until) - Date.now()));
      },
      // What a cancelled branch changed is looked at, and what was prepared for nothing is removed, all the same.
      finish: async (ref) => {
        const look = (checks: boolean) => remote.finishAgent({ ...ref, checks }).catch(rethrowAsOurs);
        if (!ref.checks) return CancellationScope.nonCancellable(() => look(false));
        try {
          await look(true);
        } catch (error) {
          // Cancelled in the middle of its checks, or before it was looked at.
          if (isCancellation(error)) await CancellationScope.nonCancellable(() => look(false));
          throw error;
        }
      },
      discard: (ref) => CancellationScope.nonCancellable(() => remote.discardAgent(ref).catch(rethrowAsOurs)),
    };
  }

  #agentActivities(summary: string) {
    return proxyActivities<Activities>({
      taskQueue: agentQueueOf(workflowInfo().taskQueue),
      // A person may take days to answer; the work itself looks after the branch's time limit.
      startToCloseTimeout: timeouts.agent,
      heartbeatTimeout: this.#order.heartbeatMs,
      retry: {
        initialInterval: retryPolicies.compute.initialMs,
        backoffCoefficient: retryPolicies.compute.factor,
        maximumInterval: retryPolicies.compute.maxMs,
        maximumAttempts: retryPolicies.compute.attempts,
      },
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      summary,
    });
  }

  #token(branchId: BranchId): { came: Promise<void>; announce: () => void } {
    let token = this.#tokens.get(branchId);
    if (token === undefined) {
      let announce = (): void => {};
      const came = new Promise<void>((resolve) => {
        announce = resolve;
      });
      token = { came, announce };
      this.#tokens.set(branchId, token);
    }
    return token;
  }

  #allEnded(): boolean {
    return this.#order.branches.every((branchId) => !['running', undefined].includes(this.states.get(branchId)));
  }

  #note(event: BranchEvent): void {
    if (event.type === 'branch-started') this.states.set(event.branchId, 'running');
    if (event.type !== 'branch-ended') return;
    this.states.set(event.branchId, event.outcome.state);
    const ended = [...this.states.values()].filter((state) => state !== 'running').length;
    setCurrentDetails(`${ended} of ${this.#order.branches.length} branches have ended.`);
  }
}

/** Gives an activity's failure back the class that the branch loop knows. */
function rethrowAsOurs(error: unknown): never {
  if (!(error instanceof ActivityFailure)) throw error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const failure = callFailureSchema.safeParse(cause.details?.[0]);
    if (failure.success) throw fromCallFailure(failure.data);
  }
  if (cause instanceof TimeoutFailure) {
    throw new EngineUnavailableError(
      'The worker was lost while a request was under way, more often than it may be asked again.',
      'Look at the worker’s log, then run Retry Failed.',
      undefined,
      { cause },
    );
  }
  throw error;
}
