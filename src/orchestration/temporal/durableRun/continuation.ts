import { allHandlersFinished, CancellationScope, condition, sleep, workflowInfo } from '@temporalio/workflow';
import type { BranchId } from '../../../core/ids.ts';
import type { BranchPosition } from '../../../core/run/runPosition.ts';
import { Slots } from '../../../core/run/slots.ts';
import type { BranchTimer } from './branchTimer.ts';
import type { DurableOrder, RunCursor } from './durableOrder.ts';
import type { EventWriter } from './eventWriter.ts';
import type { RunBranches } from './runBranches.ts';

/**
 * How long, in milliseconds, running work is awaited while the other branches are held. An agent's prompt may take hours, and
 * a person's answer days: then the others go on, and are held again so many events later.
 */
const patienceMs = 60_000;
const eventsBetween = 2_000;
/** From here on they are held however long it takes: the server ends a history at 51,200 events or 50 MB. */
const maxEvents = 20_000;
const maxBytes = 20_000_000;

export interface ContinuationDeps {
  branches: RunBranches;
  writer: EventWriter;
}

/**
 * Takes a run from one execution of the workflow to the next, before its history grows too long. Once that is due, each branch is
 * held behind the step or prompt that it is at. When the last of these has ended nothing is under way, and what is left fits into a
 * cursor.
 */
export class Continuation {
  readonly #order: DurableOrder;
  readonly #deps: ContinuationDeps;
  readonly #free: Slots;
  readonly #slots = new Map<BranchId, () => void>();
  /** Branches between two places at which they may be held. */
  readonly #busy = new Set<BranchId>();
  readonly #begun = new Map<BranchId, { position: BranchPosition; usedMs: number }>();
  readonly #timers = new Map<BranchId, BranchTimer>();
  /** Something came of this execution. Without that the next one would get no further. */
  #hasMoved = false;
  #baselines: 'open' | 'busy' | 'checked';
  /** Length of the history before which nobody is held. */
  #heldFrom = 0;
  #isWaiting = false;

  constructor(order: DurableOrder, deps: ContinuationDeps) {
    this.#order = order;
    this.#deps = deps;
    this.#free = new Slots(order.branchesAtOnce);
    for (const [branchId, begun] of Object.entries(order.cursor?.begun ?? {})) {
      this.#begun.set(branchId as BranchId, begun);
    }
    this.#baselines = order.cursor?.baselinesChecked === true ? 'checked' : 'open';
  }

  /** Milliseconds of its time that the branch has used in earlier executions. */
  usedMs(branchId: BranchId): number {
    return this.#begun.get(branchId)?.usedMs ?? 0;
  }

  /** Gives the branch a slot, which it keeps to its end. @returns null where one was free */
  place(branchId: BranchId): Promise<void> | null {
    if (this.#order.together !== true || !this.#free.hasFree) return this.#waitForPlace(branchId);
    this.#slots.set(branchId, this.#free.takeAtOnce());
    return null;
  }

  async #waitForPlace(branchId: BranchId): Promise<void> {
    this.#slots.set(branchId, await this.#free.take());
  }

  /** Lets a branch begin or go on: waits as long as the run is held. @throws CancelledFailure */
  async enter(branchId: BranchId): Promise<void> {
    await this.#hold();
    this.#busy.add(branchId);
  }

  /** The branch's time, which stands still while it is held. */
  watch(branchId: BranchId, timer: BranchTimer): void {
    this.#timers.set(branchId, timer);
  }

  /** The branch stands between two steps or prompts. @throws CancelledFailure */
  async at(branchId: BranchId, position: BranchPosition): Promise<void> {
    const timer = this.#timers.get(branchId);
    const keep = (): void => void this.#begun.set(branchId, { position, usedMs: timer?.usedMs ?? 0 });
    keep();
    if (!this.#isHeld()) return;
    timer?.stop();
    keep();
    await this.#idle(branchId, () => this.#hold());
    timer?.start();
  }

  /** The branch sleeps where `at` said that it stands; the run may be continued meanwhile. */
  async asleep(branchId: BranchId, slept: () => Promise<void>): Promise<void> {
    await this.#idle(branchId, async () => {
      await slept();
      await this.#hold();
    });
  }

  async #hold(): Promise<void> {
    if (!this.#isHeld()) return;
    if (!this.#isWaiting) void CancellationScope.nonCancellable(() => this.#losePatience());
    await condition(() => !this.#isHeld());
  }

  async #losePatience(): Promise<void> {
    this.#isWaiting = true;
    await sleep(patienceMs);
    this.#isWaiting = false;
    this.#heldFrom = workflowInfo().historyLength + eventsBetween;
  }

  async #idle(branchId: BranchId, wait: () => Promise<void>): Promise<void> {
    this.#busy.delete(branchId);
    try {
      await wait();
    } finally {
      this.#busy.add(branchId);
    }
  }

  /** The branch is about to end: its end is waited for. */
  stopping(branchId: BranchId): void {
    this.#busy.add(branchId);
  }

  /** The branch's end is in the log. */
  ended(branchId: BranchId): void {
    this.#busy.delete(branchId);
    this.#begun.delete(branchId);
    this.#timers.delete(branchId);
    this.#slots.get(branchId)?.();
    this.#slots.delete(branchId);
    this.moved();
  }

  moved(): void {
    this.#hasMoved = true;
  }

  async baselines(work: () => Promise<void>): Promise<void> {
    this.#baselines = 'busy';
    try {
      await work();
    } finally {
      this.#baselines = 'checked';
    }
  }

  /** Resolves when nothing is under way and the run is to go on in another execution. */
  async isDue(): Promise<void> {
    await condition(() => this.#isAtRest());
  }

  hasBegun(branchId: BranchId): boolean {
    return this.#begun.has(branchId);
  }

  /** Whether the branch has steps in the log beyond where it stands: an earlier attempt completed them. */
  isBehind(branchId: BranchId, steps: number): boolean {
    const position = this.#begun.get(branchId)?.position;
    const next = position !== undefined && 'step' in position ? position.step : 1;
    return next <= steps;
  }

  /** What the cursor says of the branches. */
  begun(): RunCursor['begun'] {
    return Object.fromEntries(this.#begun);
  }

  get baselinesChecked(): boolean {
    return this.#baselines === 'checked';
  }

  #isAtRest(): boolean {
    return (
      this.#isHeld() &&
      this.#busy.size === 0 &&
      this.#baselines !== 'busy' &&
      this.#deps.writer.isIdle &&
      allHandlersFinished() &&
      this.#deps.branches.ended().length < this.#deps.branches.running.size
    );
  }

  #isHeld(): boolean {
    if (!this.#hasMoved || this.#deps.branches.isCancelled) return false;
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    const { continueAfterEvents = Number.POSITIVE_INFINITY } = this.#order;
    if (!continueAsNewSuggested && historyLength < continueAfterEvents) return false;
    return historyLength >= this.#heldFrom || historyLength > maxEvents || historySize > maxBytes;
  }
}
