import { setTimeout as delay } from 'node:timers/promises';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { RunStore } from '../../src/core/run/ports.ts';

/** A run's log, read along as it grows. */
export class FollowedLog {
  readonly plan: ForkPlan;
  readonly events: BranchEvent[] = [];
  readonly #stop = new AbortController();
  #changed = Promise.withResolvers<void>();

  constructor(plan: ForkPlan, runs: RunStore) {
    this.plan = plan;
    void this.#follow(runs);
  }

  get isCompleted(): boolean {
    return this.hasEnded && foldRun(this.plan, this.events).state === 'completed';
  }

  /** Nobody drives it. */
  get hasEnded(): boolean {
    return this.events.findLast(({ type }) => type.startsWith('run-'))?.type === 'run-ended';
  }

  /** Resolves when it has so many events. False where the run was completed before. */
  async reaches(count: number, stop: AbortSignal): Promise<boolean> {
    while (this.events.length < count) {
      if (this.isCompleted) return false;
      stop.throwIfAborted();
      await Promise.race([this.#changed.promise, delay(1_000)]);
    }
    return !this.isCompleted;
  }

  /** Resolves when something comes (false), or when nothing has come for so long (true). */
  async isQuietFor(ms: number, stop: AbortSignal): Promise<boolean> {
    const quiet = new AbortController();
    const nothing = delay(ms, true, { signal: AbortSignal.any([quiet.signal, stop]) }).catch(() => false);
    const ended = await Promise.race([this.#changed.promise.then(() => false), nothing]);
    quiet.abort();
    return ended;
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(runs: RunStore): Promise<void> {
    for await (const event of runs.follow(this.plan.runId, this.#stop.signal)) {
      this.events.push(event);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
