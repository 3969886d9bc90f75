import type { AgentBranchRef } from '../../core/agent/agentPorts.ts';
import { AgentError, ModelCallError, NotFoundError } from '../../core/errors.ts';
import type { BranchPlan, ForkPlan } from '../../core/fork/forkPlan.ts';
import type { BranchId } from '../../core/ids.ts';
import { interruption } from '../../core/run/abandonedRun.ts';
import { advance } from '../../core/run/advance.ts';
import type { AgentTurnOutcome, AgentWork } from '../../core/run/agent/agentWork.ts';
import type { AgentBranchPorts } from '../../core/run/agent/runAgentBranch.ts';
import { refusals, storeAddedBranch, storeLimits } from '../../core/run/amendPlan.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import type { StepResult } from '../../core/run/branchOutcome.ts';
import { type CallModelDeps, callModel, type ModelCall, retryingEvent } from '../../core/run/callModel.ts';
import { isRetryable, retryDelayMs, retryPolicies } from '../../core/run/retryPolicies.ts';
import type { BranchPorts } from '../../core/run/runBranch.ts';
import { checkLimitChange, type LimitChange, type RunLimits } from '../../core/run/runLimits.ts';
import {
  BranchStopped,
  failureOf,
  type PlanPorts,
  type PlanRun,
  type RunInput,
  RunOver,
  runPlan,
} from '../../core/run/runPlan.ts';
import type { RunUpdate } from '../../core/run/runUpdate.ts';
import { noTracer, type Tracer } from '../../core/tracer.ts';
import { unlessAborted } from '../../core/unlessAborted.ts';
import type { FairQueue } from './fairQueue.ts';

export interface DriveDeps extends CallModelDeps {
  /** The work of branches that Claude Code answers, loaded when the first one runs. */
  agents: () => Promise<AgentWork>;
  random: () => number;
  /** Places for branches, shared by all runs of the process. */
  queue: FairQueue;
}

/** One run being driven by this process. */
export class Drive {
  /** Resolves when the run's end is in the log. Never rejects. */
  readonly ended: Promise<void>;
  readonly #plan: ForkPlan;
  readonly #input: RunInput;
  readonly #deps: DriveDeps;
  readonly #scopes = new Map<BranchId, BranchScope>();
  readonly #stopped = new AbortController();
  readonly #cancelled = new AbortController();
  #run: PlanRun | null = null;
  readonly #tracer: Tracer;
  #amending: Promise<unknown> = Promise.resolve();
  #resolveEnded: () => void = () => {};

  constructor(plan: ForkPlan, input: RunInput, deps: DriveDeps) {
    this.#plan = plan;
    this.#input = input;
    this.#deps = deps;
    this.#tracer = deps.tracer ?? noTracer;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    for (const branchId of input.branches) this.#scopes.set(branchId, new BranchScope());
  }

  /** Runs the branches to their ends. Never rejects. */
  async run(): Promise<void> {
    // Other processes put their requests into the store.
    const requests = this.#deps.runs.onUpdateRequested(this.#plan.runId, (update) => this.update(update));
    try {
      const { runId, executor } = this.#plan;
      const facts = { 'forkpoint.run': runId, 'forkpoint.executor': executor };
      await this.#tracer.span('run', facts, async (span) => {
        this.#run = runPlan(this.#plan, this.#input, this.#ports());
        span.note({ 'forkpoint.state': await this.#run.ended });
      });
    } catch {
      // Only the log itself can fail here (disk full, run deleted in mid-run). What drives on without a log would spend
      // money that nobody sees, so all calls end; the next look at the run finds it interrupted.
      this.interrupt();
    } finally {
      await requests.dispose();
      this.#deps.queue.forget(this.#plan.runId);
      this.#resolveEnded();
    }
  }

  /**
   * Carries out what is asked of the run.
   * @returns whether something changed
   * @throws NotFoundError, BadInputError where it can't be
   */
  async update(update: RunUpdate): Promise<boolean> {
    switch (update.type) {
      case 'cancel':
        return this.#cancel(update.branchId);
      case 'add-branch':
        return this.#amend(() => this.#add(update.branch));
      case 'change-limits':
        return this.#amend(() => this.#changeLimits(update.change));
    }
  }

  /** Ends one branch, or with null all: their HTTP streams are closed at once. */
  #cancel(branchId: BranchId | null): boolean {
    if (branchId === null) this.#cancelled.abort(new BranchStopped('cancelled'));
    else if (!this.#scopes.has(branchId)) {
      // Of a run that is driven again some branches ended before.
      if (this.#plan.branches.some((branch) => branch.branchId === branchId)) return false;
      throw refusals.unknown(branchId);
    }
    const open = [...this.#scopes].filter(([id, { ended }]) => !ended && (branchId === null || id === branchId));
    this.#abort(branchId, new BranchStopped('cancelled'));
    return open.length > 0;
  }

  /** The plan is written by one at a time. */
  #amend(work: () => Promise<void>): Promise<boolean> {
    const { runId } = this.#plan;
    const amended = this.#amending.then(async () => {
      if (this.#cancelled.signal.aborted || this.#stopped.signal.aborted) throw refusals.over(runId);
      await work().catch((error: unknown) => {
        throw error instanceof RunOver ? refusals.over(runId) : error;
      });
      return true;
    });
    this.#amending = amended.catch(() => {});
    return amended;
  }

  async #add(branch: BranchPlan): Promise<void> {
    const { branchId } = branch;
    const { runId } = this.#plan;
    if ((await this.#deps.runs.plan(runId)).branches.some((known) => known.branchId === branchId)) {
      throw refusals.known(branchId);
    }
    await this.#run?.add(async () => {
      await storeAddedBranch(runId, branch, this.#deps);
      this.#scopes.set(branchId, new BranchScope());
      return branch;
    });
  }

  async #changeLimits(change: LimitChange): Promise<void> {
    checkLimitChange(this.#plan, change);
    this.#run?.changeLimits(change);
    await storeLimits(this.#plan.runId, change, this.#deps);
  }

  /** Ends all branches as interrupted: they may be resumed. */
  interrupt(): void {
    this.#stopped.abort(interruption());
    this.#abort(null, interruption());
  }

  #abort(branchId: BranchId | null, reason: Error): void {
    for (const [id, scope] of this.#scopes) if (branchId === null || id === branchId) scope.controller.abort(reason);
  }

  #ports(): PlanPorts {
    const { clock } = this.#deps;
    return {
      branch: (branch, given, work) => {
        const scope = this.#scopes.get(branch.branchId) ?? new BranchScope();
        const facts = { 'forkpoint.branch': branch.branchId, 'forkpoint.model': branch.model };
        const traced = this.#tracer.span('branch', facts, () => this.#branch(branch, scope, given, work));
        return traced.finally(() => {
          scope.ended = true;
        });
      },
      firstToken: (branchId) => this.#scopes.get(branchId)?.firstToken ?? new Promise(() => {}),
      record: (event) => this.#record(event),
      now: () => new Date(clock.now()).toISOString(),
      checkBaselines: async () => {
        const signal = AbortSignal.any([this.#stopped.signal, this.#cancelled.signal]);
        await (await this.#deps.agents()).checkBaselines(this.#plan.runId, signal);
      },
    };
  }

  async #record(event: BranchEvent): Promise<void> {
    try {
      await this.#deps.runs.append(event);
    } catch (error) {
      // Deleted in mid-run: the branches end, and there is nowhere left to say so.
      this.interrupt();
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  async #branch<T>(
    branch: BranchPlan,
    scope: BranchScope,
    { gate, limits }: { gate: Promise<void> | null; limits: RunLimits | null },
    work: (ports: BranchPorts) => Promise<T>,
  ): Promise<T> {
    const { signal } = scope.controller;
    if (gate !== null) await unlessAborted(gate, signal);
    // Agents take the places of their run; the queue is for requests.
    const release = branch.agent === undefined ? await this.#deps.queue.place(this.#plan.runId, signal) : () => {};
    const timer = new AbortController();
    if (limits !== null) {
      this.#timeIsUp(limits, timer.signal).then(
        () => scope.controller.abort(new BranchStopped('timeout')),
        () => {},
      );
    }
    try {
      return await work({
        call: (call) => this.#call(call, scope),
        advance: (input) => {
          signal.throwIfAborted();
          return advance(input, this.#deps);
        },
        agent: this.#agentPorts(scope),
      });
    } finally {
      timer.abort();
      release();
    }
  }

  #timeIsUp(limits: RunLimits, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const startedAt = clock.monotonic();
    return limits.timeIsUp(
      () => clock.monotonic() - startedAt,
      async (ms, changed) => {
        const wait = new AbortController();
        const slept = clock.sleep(ms, AbortSignal.any([wait.signal, signal]));
        try {
          await Promise.race([slept, changed]);
        } finally {
          wait.abort();
          slept.catch(() => {});
        }
      },
    );
  }

  #agentPorts(scope: BranchScope): AgentBranchPorts {
    const { agents, clock } = this.#deps;
    const { signal } = scope.controller;
    return {
      prepare: async (ref) => (await agents()).prepare(ref, signal),
      turn: (ref) => this.#agentTurn(ref, scope),
      waitUntil: async (ref, until, slot) => {
        await (await agents()).noteWaiting(ref, until);
        await clock.sleep(Math.max(0, Date.parse(until) - clock.now()), signal);
        if (slot !== undefined) await unlessAborted(slot(), signal);
      },
      // What a cancelled branch changed is looked at all the same; its checks are broken off.
      finish: async (ref) => (await agents()).finish(ref, signal),
      discard: async (ref) => (await agents()).discard(ref),
    };
  }

  /** One prompt of an agent. Where its process is lost, another goes on in the same place and session. */
  async #agentTurn(ref: AgentBranchRef & { turn: number }, scope: BranchScope): Promise<AgentTurnOutcome> {
    const { agents, clock, random } = this.#deps;
    const { signal } = scope.controller;
    const policy = retryPolicies.compute;
    const onQuestion = (callId: string, state: 'open' | 'closed'): void => {
      scope.questionIs(callId, state);
      this.#run?.asks(ref.branchId, scope.isAsking);
    };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const work = await agents();
        return await this.#tracer.span('agent turn', { 'forkpoint.branch': ref.branchId }, () =>
          work.turn(ref, { signal, onFirstToken: scope.onFirstToken, onQuestion }),
        );
      } catch (error) {
        if (!(error instanceof AgentError) || signal.aborted || attempt >= policy.attempts) throw error;
        await clock.sleep(retryDelayMs(policy, attempt, null, random()), signal);
      }
    }
  }

  /** One model call with its retries. A call that may have been billed is never made again. */
  async #call(call: ModelCall, scope: BranchScope): Promise<StepResult> {
    const { clock, random } = this.#deps;
    const { signal } = scope.controller;
    const policy = retryPolicies.modelApi;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        return await callModel(call, this.#deps, { signal, attempt, onFirstToken: scope.onFirstToken });
      } catch (error) {
        if (!(error instanceof ModelCallError) || signal.aborted) throw error;
        const { retryAfterMs } = error.facts;
        if (!isRetryable(error.kind, error.facts) || attempt >= policy.attempts) throw error;
        const delayMs = retryDelayMs(policy, attempt, retryAfterMs, random());
        const what = { attempt, delayMs, error: failureOf(error), billing: 'known' } as const;
        await this.#record(retryingEvent(call, clock.now(), what));
        await clock.sleep(delayMs, signal);
      }
    }
  }
}

/** What belongs to one branch while it runs: its way to be stopped, and its first token. */
class BranchScope {
  readonly controller = new AbortController();
  ended = false;
  readonly firstToken: Promise<void>;
  onFirstToken: () => void = () => {};
  readonly #openQuestions = new Set<string>();

  constructor() {
    this.firstToken = new Promise((resolve) => {
      this.onFirstToken = resolve;
    });
  }

  get isAsking(): boolean {
    return this.#openQuestions.size > 0;
  }

  questionIs(callId: string, state: 'open' | 'closed'): void {
    if (state === 'open') this.#openQuestions.add(callId);
    else this.#openQuestions.delete(callId);
  }
}
