import { CancellationScope, sleep } from '@temporalio/workflow';
import type { RunLimits } from '../../../core/run/runLimits.ts';

/** The time that a branch may take. It stands still while the branch is held. */
export class BranchTimer {
  readonly #limits: RunLimits;
  readonly #onUp: () => void;
  #usedMs: number;
  #since: number | null = null;
  #scope: CancellationScope | null = null;

  /** @param usedMs of the time, by an earlier execution */
  constructor(limits: RunLimits, usedMs: number, onUp: () => void) {
    this.#limits = limits;
    this.#usedMs = usedMs;
    this.#onUp = onUp;
  }

  get usedMs(): number {
    return this.#usedMs + (this.#since === null ? 0 : Date.now() - this.#since);
  }

  start(): void {
    this.#since = Date.now();
    const scope = new CancellationScope({ cancellable: true });
    this.#scope = scope;
    void scope
      .run(() => this.#timeIsUp())
      .then(
        () => this.#onUp(),
        () => undefined,
      );
  }

  stop(): void {
    this.#usedMs = this.usedMs;
    this.#since = null;
    this.#scope?.cancel();
  }

  /** Sleeps as long as is left, and anew where the limit changes. */
  #timeIsUp(): Promise<void> {
    return this.#limits.timeIsUp(
      () => this.usedMs,
      async (ms, changed) => {
        const wait = new CancellationScope({ cancellable: true });
        const slept = wait.run(() => sleep(ms));
        await Promise.race([slept, changed]);
        slept.catch(() => {});
        wait.cancel();
      },
    );
  }
}
