// src/orchestration/temporal/durableRun: what runs inside the workflow sandbox beside workflows.ts. It is replayed:
// no Node, no clock and no random number of its own, no I/O but by activities.

import { CancellationScope, patched } from '@temporalio/workflow';
import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import type { BranchId } from '../../../core/ids.ts';
import type { BranchEvent } from '../../../core/run/branchEvent.ts';
import type { BranchPorts } from '../../../core/run/runBranch.ts';
import type { RunLimits } from '../../../core/run/runLimits.ts';
import type { RunOrder } from '../../../core/run/runOrder.ts';
import { BranchStopped, type PlanPorts, type PlanRun, type RunEnd, runPlan } from '../../../core/run/runPlan.ts';
import { rethrowAsOurs } from '../rethrowAsOurs.ts';
import { type BranchPortsDeps, createBranchPorts } from './branchPorts.ts';
import { BranchTimer, type WatchTime, watchEach, watchTogether } from './branchTimer.ts';
import { Continuation } from './continuation.ts';
import type { DurableOrder } from './durableOrder.ts';
import { EventWriter } from './eventWriter.ts';
import { FirstTokens } from './firstTokens.ts';
import type { LoadedRun } from './loadedRun.ts';
import { openGroups } from './openGroups.ts';
import { PendingQuestions } from './pendingQuestions.ts';
import { agentActivities, localActivities, localActivitiesInTurn } from './runActivities.ts';
import { RunBranches } from './runBranches.ts';
import { RunDescription } from './runDescription.ts';
import type { BranchProgress } from './runProgress.ts';
import { RunUpdates } from './runUpdates.ts';

/** One execution of a run's workflow: the ports of the branch loop, and what is asked of it from outside. */
export class DurableRun implements PlanPorts {
  readonly updates: RunUpdates;
  readonly #order: RunOrder | DurableOrder;
  readonly #loaded: LoadedRun;
  readonly #branches: RunBranches;
  readonly #tokens = new FirstTokens();
  readonly #questions = new PendingQuestions((branchId) => {
    this.#run?.asks(branchId, this.#questions.branches().has(branchId));
  });
  readonly #description: RunDescription;
  readonly #writer: EventWriter;
  readonly #shared: BranchPortsDeps;
  readonly #continuation: Continuation | null;
  /** Left out for a run that an older version started: there all branches begin at once. */
  readonly place?: (branchId: BranchId) => Promise<void> | null;
  /** So it is in a run that an older worker began. */
  readonly keepsSlots: boolean;
  /** How to stop the branches that have not ended. */
  readonly #stops = new Map<BranchId, () => void>();
  readonly #cancelled: Set<BranchId>;
  readonly #baselines = new CancellationScope({ cancellable: true });
  /** In which states branches have ended. */
  readonly #ends: Set<'completed' | 'failed' | 'cancelled'>;
  #run: PlanRun | null = null;
  readonly #isTogether: boolean;
  #watchTime: WatchTime | null = null;

  constructor(order: RunOrder | DurableOrder, loaded: LoadedRun) {
    const { plan } = loaded;
    this.keepsSlots = plan.agent !== null && !patched('slots-while-waiting');
    const local = order.version === 2 ? localActivitiesInTurn() : localActivities();
    this.#order = order;
    this.#isTogether = order.version === 2 && order.together === true;
    this.#loaded = loaded;
    this.#branches = new RunBranches(loaded);
    this.#description = new RunDescription(this.#branches, order.searchable === true);
    this.#writer = new EventWriter((events) => local.appendEvents(events));
    const [branches, questions, writer] = [this.#branches, this.#questions, this.#writer];
    const cursor = order.version === 2 ? order.cursor : null;
    this.#ends = new Set(cursor?.endStates);
    this.#cancelled = new Set(cursor?.cancelled);
    this.#continuation = order.version === 2 ? new Continuation(order, { branches, writer }) : null;
    const continuation = this.#continuation;
    if (continuation !== null) this.place = (branchId) => continuation.place(branchId);
    this.#shared = {
      runId: plan.runId,
      limits: order,
      local,
      branches,
      tokens: this.#tokens,
      questions,
      continuation,
    };
    const stop = (branchId: BranchId): void => this.cancel(branchId);
    this.updates = new RunUpdates({ plan, branches, questions, local, run: () => this.#begun(), stop }, cursor);
  }

  /** How the branches stand that this attempt runs. */
  progress(): Record<string, BranchProgress> {
    const asking = this.#questions.branches();
    return this.#branches.progress.all((branchId) => asking.has(branchId));
  }

  /** Runs the branches to their ends. Called once. */
  run(): Promise<RunEnd> {
    this.#run = runPlan(this.#loaded.plan, this.#loaded.input, this);
    return this.#run.ended;
  }

  #begun(): PlanRun {
    if (this.#run === null) throw new Error('The run has not begun.');
    return this.#run;
  }

  /** Resolves with the order of the next execution, once the run is to go on there. May stay pending for ever. */
  async next(): Promise<DurableOrder> {
    const [order, continuation] = [this.#order, this.#continuation];
    if (order.version === 1 || continuation === null) return new Promise(() => {});
    await continuation.isDue();
    const groups = { branches: this.#loaded.plan.branches, tokens: this.#tokens, ...this.#loaded.input.from };
    return {
      ...order,
      cursor: {
        ended: this.#branches.ended(),
        endStates: [...this.#ends],
        cancelled: [...this.#cancelled].filter((branchId) => !this.#branches.hasEnded(branchId)),
        begun: continuation.begun(),
        spentUsd: this.#begun().spentUsd,
        openGroups: openGroups(groups, {
          hasBegun: (branchId) => continuation.hasBegun(branchId),
          hasEnded: (branchId) => this.#branches.hasEnded(branchId),
        }),
        baselinesChecked: continuation.baselinesChecked,
        ...this.updates.cursor(),
      },
    };
  }

  /** @param branchId null: the whole run */
  cancel(branchId: BranchId | null): void {
    const ids = branchId === null ? [...this.#branches.running] : [branchId];
    if (branchId === null) {
      this.#branches.isCancelled = true;
      this.#baselines.cancel();
    }
    for (const id of ids) {
      this.#cancelled.add(id);
      if (!this.#stops.has(id)) continue;
      this.#continuation?.stopping(id);
      this.#stops.get(id)?.();
    }
  }

  questionIs(branchId: BranchId, callId: string, state: 'open' | 'closed'): void {
    if (state === 'open') this.#questions.open(branchId, callId);
    else this.#questions.close(branchId, callId);
  }

  tokenCame(branchId: BranchId): void {
    this.#tokens.announce(branchId);
  }

  firstToken(branchId: BranchId): Promise<void> {
    return this.#tokens.of(branchId);
  }

  now(): string {
    return new Date().toISOString();
  }

  record(event: BranchEvent): Promise<void> {
    this.#note(event);
    // The next event comes at once and writes it along: the first branch's start, or the run's end.
    const isLast = event.type === 'branch-ended' && this.#branches.ended().length === this.#branches.running.size;
    const written = this.#writer.write(event, event.type === 'run-started' || isLast);
    if (event.type === 'branch-ended' && this.#continuation !== null) void this.#ended(event.branchId, written);
    return written;
  }

  async #ended(branchId: BranchId, written: Promise<void>): Promise<void> {
    // The caller that recorded it gets the failure.
    await written.catch(() => {});
    this.#continuation?.ended(branchId);
  }

  #note(event: BranchEvent): void {
    if (event.type === 'run-ended') {
      this.#branches.isOver = true;
      this.#description.describe(event.state);
    }
    if (event.type === 'branch-started') this.#branches.progress.started(event.branchId);
    if (event.type !== 'branch-ended') return;
    this.#ends.add(event.outcome.state);
    this.#branches.progress.ended(event.branchId, event.outcome.state);
    this.#description.branchEnded();
  }

  async branch<T>(
    branch: BranchPlan,
    { gate, limits }: { gate: Promise<void> | null; limits: RunLimits | null },
    work: (ports: BranchPorts) => Promise<T>,
  ): Promise<T> {
    const { branchId } = branch;
    const scope = new CancellationScope({ cancellable: true });
    let stopped: 'cancelled' | 'timeout' | null = null;
    const stop = (reason: 'cancelled' | 'timeout'): void => {
      stopped ??= reason;
      scope.cancel();
    };
    this.#stops.set(branchId, () => stop('cancelled'));
    if (this.#cancelled.has(branchId)) stop('cancelled');
    try {
      return await scope.run(async () => {
        await Promise.race([gate ?? undefined, scope.cancelRequested]);
        if (this.#continuation !== null) {
          await this.#continuation.enter(branchId);
          // Cancelled before its turn came: without a gate nothing else would have said so.
          if (scope.consideredCancelled) throw new BranchStopped(stopped ?? 'cancelled');
        }
        const timer = limits === null ? null : this.#startTimer(branchId, limits, () => stop('timeout'));
        try {
          return await work(createBranchPorts(branch, this.#shared));
        } finally {
          timer?.stop();
        }
      });
    } catch (error) {
      if (stopped !== null) throw new BranchStopped(stopped);
      throw error;
    } finally {
      this.#stops.delete(branchId);
    }
  }

  #startTimer(branchId: BranchId, limits: RunLimits, onUp: () => void): BranchTimer {
    this.#watchTime ??= this.#isTogether ? watchTogether(limits) : watchEach(limits);
    const timer = new BranchTimer(this.#watchTime, this.#continuation?.usedMs(branchId) ?? 0, onUp);
    this.#continuation?.watch(branchId, timer);
    timer.start();
    return timer;
  }

  checkBaselines(): Promise<void> {
    const remote = agentActivities('checks of the baselines', this.#order.heartbeatMs);
    const check = () => this.#baselines.run(() => remote.checkBaselines(this.#loaded.plan.runId).catch(rethrowAsOurs));
    return this.#continuation === null ? check() : this.#continuation.baselines(check);
  }
}
