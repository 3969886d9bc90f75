import type { Clock } from '../../clock.ts';

/** A time limit that stands still while a branch waits for a person. */
export class ActiveTime {
  readonly #clock: Clock;
  #limitMs: number;
  readonly #onOver: () => void;
  #spentMs = 0;
  #since: number | null = null;
  #waits = 0;
  #timer: AbortController | null = null;

  /** @param onOver called once when so much active time is spent */
  constructor(clock: Clock, limitMs: number, onOver: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onOver = onOver;
    this.#run();
  }

  /** Milliseconds so far. */
  get spentMs(): number {
    return this.#spentMs + (this.#since === null ? 0 : this.#clock.monotonic() - this.#since);
  }

  /** Sets another limit; where it has passed already, time is over at once. */
  changeLimit(limitMs: number): void {
    this.#limitMs = limitMs;
    if (this.#timer === null) return;
    this.stop();
    this.#run();
  }

  /** Stands still until the promise settles; several may be waited for at once. */
  async whileWaiting<T>(waiting: Promise<T>): Promise<T> {
    this.#waits += 1;
    if (this.#waits === 1) this.stop();
    try {
      return await waiting;
    } finally {
      this.#waits -= 1;
      if (this.#waits === 0) this.#run();
    }
  }

  stop(): void {
    this.#spentMs = this.spentMs;
    this.#since = null;
    this.#timer?.abort();
    this.#timer = null;
  }

  #run(): void {
    this.#since = this.#clock.monotonic();
    const timer = new AbortController();
    this.#timer = timer;
    this.#clock.sleep(Math.max(0, this.#limitMs - this.#spentMs), timer.signal).then(
      () => this.#onOver(),
      () => {},
    );
  }
}
