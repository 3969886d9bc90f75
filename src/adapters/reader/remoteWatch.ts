import { setTimeout } from 'node:timers/promises';
import type { Disposable } from '../../core/disposable.ts';
import { ReaderEndedError } from '../../core/errors.ts';
import type { SessionChange } from '../../core/fork/sessionStore.ts';
import type { Reader } from './reader.ts';

type Listener = (change: SessionChange) => void;

/** After a thread's end another one watches on, this much later, and later still where threads keep ending. */
const restartMs = 500;
const longestRestartMs = 60_000;

/** Tells listeners what happens to the sessions, through one watch in the reader's thread. */
export class RemoteWatch {
  readonly #listeners = new Set<{ tell: Listener }>();
  #stop: AbortController | null = null;

  constructor(
    private readonly reader: Reader,
    private readonly log?: (message: string, error: unknown) => void,
  ) {}

  add(tell: Listener): Disposable {
    const listener = { tell };
    this.#listeners.add(listener);
    if (this.#stop === null) {
      this.#stop = new AbortController();
      void this.#run(this.#stop.signal);
    }
    return {
      dispose: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0) return;
        this.#stop?.abort();
        this.#stop = null;
      },
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    let since: number | null = null;
    let pause = restartMs;
    while (!signal.aborted) {
      const started = performance.now();
      try {
        for await (const change of this.reader.follow('watch', [since], signal)) this.#tell(change);
        return;
      } catch (error) {
        if (!(error instanceof ReaderEndedError) || this.reader.disposed) {
          if (!this.reader.disposed) this.log?.('Changes of sessions are no longer noticed.', error);
          return;
        }
      }
      since = Date.now();
      pause = performance.now() - started > longestRestartMs ? restartMs : Math.min(2 * pause, longestRestartMs);
      await setTimeout(pause, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  #tell(change: SessionChange): void {
    for (const { tell } of this.#listeners) tell(change);
  }
}
