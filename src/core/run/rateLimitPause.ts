import type { Clock } from '../clock.ts';

/** Spread over which calls leave again after a pause, so that they don't all arrive in the same moment. */
const spreadMs = 250;

/** A pause that holds for every call of this process: the API limits the key, not the branch. */
export class RateLimitPause {
  readonly #clock: Clock;
  readonly #random: () => number;
  #until = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** No call leaves for `ms` from now on. Never shortens a pause. */
  extend(ms: number): void {
    this.#until = Math.max(this.#until, this.#clock.monotonic() + ms);
  }

  /** Resolves when calls may leave; rejects with the signal's reason. */
  async over(signal: AbortSignal): Promise<void> {
    let left = this.#until - this.#clock.monotonic();
    while (left > 0) {
      await this.#clock.sleep(left + this.#random() * spreadMs, signal);
      left = this.#until - this.#clock.monotonic();
    }
  }
}
