import { CancellationScope, sleep } from '@temporalio/workflow';
import type { RunLimits } from '../../../core/run/runLimits.ts';

/** Waits until the branch's time is up. @returns how to stop waiting */
export type WatchTime = (timer: BranchTimer, onUp: () => void) => () => void;

/** The time that a branch may take. It stands still while the branch is held. */
export class BranchTimer {
  readonly #watch: WatchTime;
  readonly #onUp: () => void;
  #usedMs: number;
  #since: number | null = null;
  #unwatch: () => void = () => {};

  /** @param usedMs of the time, by an earlier execution */
  constructor(watch: WatchTime, usedMs: number, onUp: () => void) {
    this.#watch = watch;
    this.#usedMs = usedMs;
    this.#onUp = onUp;
  }

  get usedMs(): number {
    return this.#usedMs + (this.#since === null ? 0 : Date.now() - this.#since);
  }

  start(): void {
    this.#since = Date.now();
    this.#unwatch = this.#watch(this, this.#onUp);
  }

  stop(): void {
    this.#usedMs = this.usedMs;
    this.#since = null;
    this.#unwatch();
  }
}

/** A timer of the server for each branch, as runs of older versions have it. */
export function watchEach(limits: RunLimits): WatchTime {
  return (timer, onUp) => {
    const scope = new CancellationScope({ cancellable: true });
    void scope.run(() => limits.timeIsUp(() => timer.usedMs, sleepUntil)).then(onUp, () => undefined);
    return () => scope.cancel();
  };
}

/**
 * One timer of the server for all branches: the limit is the run's, so it is enough to wait for the branch that has the least time left.
 * Each timer is two events of the history, and on a busy server as much work as half a call.
 */
export function watchTogether(limits: RunLimits): WatchTime {
  const watched = new Map<BranchTimer, () => void>();
  let isWaiting = false;
  /** Milliseconds since the epoch. */
  let looksAt = 0;
  let lookNow = (): void => {};
  const leftMs = ({ usedMs }: BranchTimer): number => limits.leftMs(usedMs);

  async function wait(): Promise<void> {
    isWaiting = true;
    while (watched.size > 0) {
      const least = Math.min(...Array.from(watched.keys(), leftMs));
      looksAt = Date.now() + least;
      const sooner = new Promise<void>((resolve) => {
        lookNow = resolve;
      });
      if (least > 0) await sleepUntil(least, Promise.race([limits.changed, sooner]));
      for (const [timer, onUp] of watched) if (leftMs(timer) <= 0 && watched.delete(timer)) onUp();
    }
    isWaiting = false;
  }

  return (timer, onUp) => {
    watched.set(timer, onUp);
    // No branch's end takes the others' timer with it.
    if (!isWaiting) void CancellationScope.nonCancellable(wait);
    else if (Date.now() + leftMs(timer) < looksAt) lookNow();
    return () => void watched.delete(timer);
  };
}

async function sleepUntil(ms: number, sooner: Promise<void>): Promise<void> {
  const wait = new CancellationScope({ cancellable: true });
  const slept = wait.run(() => sleep(ms));
  await Promise.race([slept, sooner]);
  slept.catch(() => {});
  wait.cancel();
}
