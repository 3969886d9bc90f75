import {
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type * as z from 'zod';
import { messageOf } from '../../core/errors.ts';
import { type BranchPlan, branchPlanSchema } from '../../core/fork/forkPlan.ts';
import type { BranchId } from '../../core/ids.ts';
import { type AnswerOrder, answerOrderSchema } from '../../core/run/agent/answerOrder.ts';
import type { AgentBranchPorts } from '../../core/run/agent/runAgentBranch.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import { stepResultSchema } from '../../core/run/branchOutcome.ts';
import { retryPolicies, timeouts } from '../../core/run/retryPolicies.ts';
import type { BranchPorts } from '../../core/run/runBranch.ts';
import { checkLimitChange, type LimitChange, limitChangeSchema, type RunLimits } from '../../core/run/runLimits.ts';
import type { RunOrder } from '../../core/run/runOrder.ts';
import { BranchStopped, type PlanPorts, type PlanRun, type RunEnd, RunOver, runPlan } from '../../core/run/runPlan.ts';
import { type AddOrder, addOrderSchema, type CancelOrder, cancelOrderSchema } from '../../core/run/runUpdate.ts';
import type { Activities } from './activities.ts';
import { agentQueueOf } from './agentQueueOf.ts';
import { rethrowAsOurs } from './rethrowAsOurs.ts';
import { type BranchProgress, RunProgress } from './runProgress.ts';
import { changedAttributes } from './searchAttributes.ts';

/** How often search attributes change while a run goes on, in milliseconds. */
const describeEveryMs = 5_000;

/** The ports of one run. */
export class DurableRun implements PlanPorts {
  readonly #progress = new RunProgress();
  readonly #order: RunOrder;
  readonly #local: Activities;
  /** How to stop the branches that have not ended. */
  readonly #stops = new Map<BranchId, () => void>();
  readonly #cancelled = new Set<BranchId>();
  #cancelledWhole = false;
  #over = false;
  #run: PlanRun | null = null;
  /** All branches of the run, also those that ended in earlier attempts. */
  readonly #known: Set<BranchId>;
  /** Those that this execution runs. */
  readonly #running: Set<BranchId>;
  #amending: Promise<void> = Promise.resolve();
  readonly #baselines = new CancellationScope({ cancellable: true });
  /** Open questions as `branch call`; an answered one is open no more. */
  readonly #questions = new Set<string>();
  readonly #tokens = new Map<BranchId, { came: Promise<void>; announce: () => void }>();
  #describedAt = Date.now();
  #unwritten: BranchEvent[] = [];
  #writing: Promise<void> | null = null;

  constructor(order: RunOrder) {
    this.#order = order;
    this.#known = new Set(order.plan.branches.map(({ branchId }) => branchId));
    this.#running = new Set(order.branches);
    for (const branchId of order.branches) this.#expect(branchId);
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

  /** How the branches stand that this execution runs. */
  progress(): Record<string, BranchProgress> {
    const asking = new Set([...this.#questions].map((question) => question.split(' ')[0]));
    return this.#progress.all((branchId) => asking.has(branchId));
  }

  #expect(branchId: BranchId): void {
    const { plan, prior } = this.#order;
    this.#progress.expect(branchId, plan.agent !== null, prior[branchId] ?? []);
  }

  /** Runs the branches to their ends. Called once. */
  run(): Promise<RunEnd> {
    this.#run = runPlan(this.#order.plan, this.#order, this);
    return this.#run.ended;
  }

  cancel(branchId: BranchId | null): void {
    const ids = branchId === null ? [...this.#running] : [branchId];
    if (branchId === null) {
      this.#cancelledWhole = true;
      this.#baselines.cancel();
    }
    for (const id of ids) {
      this.#cancelled.add(id);
      this.#stops.get(id)?.();
    }
  }

  /** Runs before the update enters the history. @throws ApplicationFailure */
  refuseCancel(given: CancelOrder): void {
    const { branchId } = checked(cancelOrderSchema, given);
    if (!this.#known.has(branchId)) throw refused('NoSuchBranch', `The run has no branch ${branchId}.`);
    if (this.#hasEnded(branchId)) throw refused('BranchEnded', `Branch ${branchId} has ended.`);
  }

  /** @returns where the branch stood: under way, or before its start */
  cancelBranch({ branchId }: CancelOrder): 'running' | 'pending' {
    this.cancel(branchId);
    return this.#progress.of(branchId).state === 'running' ? 'running' : 'pending';
  }

  /** Runs before the update enters the history. @throws ApplicationFailure */
  refuseAdd(given: AddOrder): void {
    const { branchId } = checked(addOrderSchema, given);
    if (this.#cancelledWhole || this.#over) throw refused('RunOver', 'The run has ended.');
    if (this.#known.has(branchId)) throw refused('BranchKnown', `The run has a branch ${branchId} already.`);
  }

  async addBranch(added: AddOrder): Promise<void> {
    const { branchId } = added;
    const { runId } = this.#order.plan;
    this.#known.add(branchId);
    try {
      await this.#amend(async () => {
        const branch = await CancellationScope.nonCancellable(() => this.#local.addBranch({ ...added, runId }));
        this.#running.add(branchId);
        this.#expect(branchId);
        return branchPlanSchema.parse(branch);
      });
    } catch (error) {
      // Nothing came of it: the id is free again.
      if (!this.#running.has(branchId)) this.#known.delete(branchId);
      throw error;
    }
  }

  /** The run's plan is written by one at a time. */
  async #amend(make: () => Promise<BranchPlan>): Promise<void> {
    const before = this.#amending;
    const amending = this.#run?.add(() => before.then(make)) ?? Promise.resolve();
    this.#amending = amending.catch(() => {});
    await amending.catch((error: unknown) => {
      throw error instanceof RunOver ? refused('RunOver', 'The run has ended.') : error;
    });
  }

  /** Runs before the update enters the history. @throws ApplicationFailure */
  refuseLimits(given: LimitChange): void {
    const change = checked(limitChangeSchema, given);
    if (this.#cancelledWhole || this.#over) throw refused('RunOver', 'The run has ended.');
    try {
      checkLimitChange(this.#order.plan, change);
    } catch (error) {
      throw refused('BadUpdate', messageOf(error));
    }
  }

  async changeLimits(change: LimitChange): Promise<void> {
    const { runId } = this.#order.plan;
    this.#run?.changeLimits(change);
    this.#amending = this.#amending
      .then(() => CancellationScope.nonCancellable(() => this.#local.changeLimits({ runId, change })))
      .catch(() => {});
    await this.#amending;
  }

  #hasEnded(branchId: BranchId): boolean {
    return !this.#running.has(branchId) || !['running', 'pending'].includes(this.#progress.of(branchId).state);
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
    { gate, limits }: { gate: Promise<void> | null; limits: RunLimits | null },
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
        await Promise.race([gate ?? undefined, scope.cancelRequested]);
        const timer = new CancellationScope({ cancellable: true });
        if (limits !== null) {
          void timer
            .run(() => timeIsUp(limits))
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
    const { retry, heartbeatMs } = this.#order;
    const remote = proxyActivities<Activities>({
      // The branch's own time limit, which may change, ends a call that takes too long; this one is for a server that lost track.
      startToCloseTimeout: timeouts.longestBranch + timeouts.fileIo,
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
        const asked = remote.callModel({ call, retry, announceFirstToken }).catch(rethrowAsOurs);
        const result = stepResultSchema.parse(await this.#progress.during(branch.branchId, 'model', asked));
        this.#progress.replied(branch.branchId, result);
        return result;
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
          const working = remote.agentTurn({ ...ref, announceFirstToken }).catch(rethrowAsOurs);
          const end = await this.#progress.during(ref.branchId, 'agent', working);
          this.#progress.prompted(ref.branchId, end.costUsd, end.kind === 'completed');
          return end;
        } finally {
          // With its process nobody waits for answers any more, whether or not its last word came.
          this.#closeQuestions(ref.branchId);
        }
      },
      waitUntil: async (ref, until) => {
        await this.#local.noteWaiting({ ...ref, until });
        const slept = sleep(Math.max(0, Date.parse(until) - Date.now()));
        await this.#progress.during(ref.branchId, 'limit', slept);
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
    return [...this.#running].every((branchId) => this.#hasEnded(branchId));
  }

  #note(event: BranchEvent): void {
    if (event.type === 'run-ended') {
      this.#over = true;
      this.#describe(event.state);
    }
    if (event.type === 'branch-started') this.#progress.started(event.branchId);
    if (event.type !== 'branch-ended') return;
    this.#progress.ended(event.branchId, event.outcome.state);
    const ended = [...this.#running].filter((branchId) => this.#hasEnded(branchId)).length;
    setCurrentDetails(`${ended} of ${this.#running.size} branches have ended.`);
    if (Date.now() - this.#describedAt >= describeEveryMs) this.#describe('running');
  }

  /** What people find the run by. Each change is an event of the history. */
  #describe(state: string): void {
    if (!this.#order.searchable) return;
    this.#describedAt = Date.now();
    upsertSearchAttributes(changedAttributes(state, this.#costUsd()));
  }

  /** US dollars of all branches, those of earlier attempts included; null where a part is unknown. */
  #costUsd(): number | null {
    const others = Object.entries(this.#order.prior).filter(([id]) => !this.#order.branches.some((own) => own === id));
    const costs = [
      ...others.flatMap(([, steps]) => steps.map(({ costUsd }) => costUsd)),
      ...[...this.#running].map((branchId) => this.#progress.of(branchId).costUsd),
    ];
    return costs.reduce((sum, cost) => (sum === null || cost === null ? null : sum + cost), 0);
  }
}

/** Sleeps as long as a branch may take, and anew where its limit changes. */
function timeIsUp(limits: RunLimits): Promise<void> {
  const startedAt = Date.now();
  return limits.timeIsUp(
    () => Date.now() - startedAt,
    async (ms, changed) => {
      const wait = new CancellationScope({ cancellable: true });
      const slept = wait.run(() => sleep(ms));
      await Promise.race([slept, changed]);
      slept.catch(() => {});
      wait.cancel();
    },
  );
}

/** Why an update is refused; its type is for programs. */
function refused(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}

/** An update's argument comes from anywhere. @throws ApplicationFailure that names the fields and not what they hold */
function checked<T>(schema: z.ZodType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ code, path }) => `${path.join('.')} (${code})`).join(', ');
  throw refused('BadUpdate', `Not what this update takes: ${where}`);
}
