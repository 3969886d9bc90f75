import type { BranchId } from '../ids.ts';
import { Slots } from './slots.ts';

/** Branches that may ask a person while others work in their slots. Each keeps a process, which takes some hundred MB. */
const mostAsking = 8;

/** Who of a run's agents may work. One that waits leaves its slot to another. */
export class BranchSlots {
  readonly #slots: Slots;
  readonly #own = new Map<BranchId, BranchSlot>();
  /** Branches with an open question, in the order in which they asked. */
  readonly #asking = new Set<BranchId>();

  constructor(count: number) {
    this.#slots = new Slots(count);
  }

  resize(count: number): void {
    this.#slots.resize(count);
  }

  of(branchId: BranchId): BranchSlot {
    const known = this.#own.get(branchId);
    if (known !== undefined) return known;
    const slot = new BranchSlot(this.#slots);
    this.#own.set(branchId, slot);
    return slot;
  }

  /** A branch whose question is answered goes on at once: its process is there, and a person waits. */
  asks(branchId: BranchId, isAsking: boolean): void {
    if (isAsking) this.#asking.add(branchId);
    else if (this.#asking.delete(branchId)) this.of(branchId).takeAtOnce();
    for (const asking of [...this.#asking].slice(0, mostAsking)) this.of(asking).giveUp();
  }

  /** The branch has ended. One that comes to a slot later passes it on. */
  end(branchId: BranchId): void {
    this.#asking.delete(branchId);
    this.of(branchId).end();
  }
}

/** What one branch has of the slots. */
class BranchSlot {
  readonly #slots: Slots;
  #release: (() => void) | null = null;
  #isOver = false;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  /** Waits for a slot. */
  take(order: 'begins' | 'goes on'): Promise<unknown> {
    const taken = this.#slots.take(order);
    void taken.then((release) => {
      if (this.#isOver) release();
      else this.#release = release;
    });
    return taken;
  }

  takeAtOnce(): void {
    if (!this.#isOver) this.#release ??= this.#slots.takeAtOnce();
  }

  giveUp(): void {
    this.#release?.();
    this.#release = null;
  }

  end(): void {
    this.#isOver = true;
    this.giveUp();
  }
}
