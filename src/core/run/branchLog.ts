import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { BranchId, RunId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { RunStore } from './ports.ts';

/** How often streamed text is written to the run's log, in milliseconds: often enough to read along, seldom enough to be cheap. */
const textFlushMs = 250;

type BodyOf<T> = T extends BranchEvent ? Omit<T, 'runId' | 'branchId' | 'at'> : never;

/** An event of a branch without what the log adds: run, branch and time. */
export type EventBody = BodyOf<Extract<BranchEvent, { branchId: BranchId }>>;

/** Writes one branch's events in order, gathering streamed text into few of them. */
export class BranchLog {
  readonly #of: { runId: RunId; branchId: BranchId };
  readonly #deps: { runs: RunStore; clock: Clock };
  #pending = '';
  #step = 0;
  #tokens: number | null = null;
  #lastFlush = Number.NEGATIVE_INFINITY;
  #written: Promise<void> = Promise.resolve();
  #failure: Error | null = null;

  constructor(of: { runId: RunId; branchId: BranchId }, deps: { runs: RunStore; clock: Clock }) {
    this.#of = of;
    this.#deps = deps;
  }

  /** Text of a step as it streams in. */
  text(step: number, text: string): void {
    if (step !== this.#step) this.#writeText();
    this.#step = step;
    this.#pending += text;
    if (this.#deps.clock.monotonic() - this.#lastFlush >= textFlushMs) this.#writeText();
  }

  outputTokens(count: number | null): void {
    this.#tokens = count;
  }

  /** Queues an event; a log that can't be written shows itself at the next `append`. */
  write(body: EventBody): void {
    this.#writeText();
    this.#queue(body);
  }

  /** Resolves when the event can be read by others. @throws what the store throws, of earlier events too */
  async append(body: EventBody): Promise<void> {
    this.write(body);
    await this.#written;
    if (this.#failure !== null) throw this.#failure;
  }

  /** Writes what is left. Never throws: a log that can't be written shows itself at the next `append`. */
  async flush(): Promise<void> {
    this.#writeText();
    await this.#written;
  }

  #writeText(): void {
    if (this.#pending === '') return;
    this.#queue({ type: 'text-delta', step: this.#step, text: this.#pending, outputTokens: this.#tokens });
    this.#pending = '';
    this.#lastFlush = this.#deps.clock.monotonic();
  }

  #queue(body: EventBody): void {
    const event = { ...body, ...this.#of, at: new Date(this.#deps.clock.now()).toISOString() } as BranchEvent;
    this.#written = this.#written
      .then(() => this.#deps.runs.append(event))
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(messageOf(error));
      });
  }
}
