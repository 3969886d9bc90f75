import { setImmediate } from 'node:timers/promises';
import { type BirpcReturn, createBirpc } from 'birpc';
import { Assembly, type Piece } from './pieces.ts';
import { fromPlainError } from './plainError.ts';
import type { Page, TaskPort, TaskServerCalls, Tasks } from './taskProtocol.ts';

export type ArgumentsOf<F> = F extends (signal: AbortSignal, ...args: infer A) => unknown ? A : never;
export type ValueOf<F> = F extends (...args: never[]) => Promise<infer V> ? V : never;
export type ItemOf<F> = F extends (...args: never[]) => AsyncIterable<infer V> ? V : never;

/** Has tasks done at the other end of a channel. Errors come back as they were thrown there. */
export class TaskClient<T extends Tasks<T>> {
  readonly #server: BirpcReturn<TaskServerCalls, object>;
  #ended: Error | null = null;
  #lastId = 0;

  constructor(port: TaskPort) {
    this.#server = createBirpc<TaskServerCalls, object>(
      {},
      {
        post: (message) => port.postMessage(message),
        on: (listener) => port.on('message', listener),
        off: (listener) => port.off('message', listener),
        timeout: -1,
      },
    );
  }

  /** The value of a task. Rejects with the signal's reason as soon as it aborts. */
  async call<N extends keyof T & string>(
    name: N,
    args: ArgumentsOf<T[N]>,
    signal?: AbortSignal,
  ): Promise<ValueOf<T[N]>> {
    for await (const value of this.#values(name, args, signal)) return value as ValueOf<T[N]>;
    signal?.throwIfAborted();
    throw new Error(`The task ${name} gave no value.`);
  }

  /** The values of a task as they come; ends at once when the signal aborts. Leaving the iteration stops the task. */
  iterate<N extends keyof T & string>(
    name: N,
    args: ArgumentsOf<T[N]>,
    signal?: AbortSignal,
  ): AsyncGenerator<ItemOf<T[N]>, void> {
    return this.#values(name, args, signal) as AsyncGenerator<ItemOf<T[N]>, void>;
  }

  /** All that is waited for now or later fails with this error. */
  close(error: Error): void {
    this.#ended ??= error;
    this.#server.$close(error);
  }

  async *#values(name: string, args: unknown[], signal: AbortSignal | undefined): AsyncGenerator<unknown, void> {
    const assembly = new Assembly();
    for await (const pieces of this.#pages(name, args, signal)) {
      for (const piece of pieces) {
        const whole = assembly.add(piece);
        if (whole !== null) yield whole.value;
      }
    }
  }

  async *#pages(name: string, args: unknown[], signal: AbortSignal | undefined): AsyncGenerator<Piece[], void> {
    if (signal?.aborted === true) return;
    const id = (this.#lastId += 1);
    const abort = abortOf(signal);
    let done = false;
    try {
      for (let begun = false; !done; begun = true) {
        const asked = this.#page(() => (begun ? this.#server.next(id) : this.#server.start(id, name, args)));
        const page = await Promise.race([asked, abort.aborted]);
        if (page === null) return;
        done = 'error' in page || page.done;
        if ('error' in page) throw fromPlainError(page.error);
        yield page.pieces;
        // One page for each turn of the event loop: a fast thread must not keep this one busy with page after page.
        if (!done) await setImmediate();
      }
    } finally {
      abort.dispose();
      if (!done && this.#ended === null) void this.#server.stop(id).catch(() => {});
    }
  }

  async #page(ask: () => Promise<Page>): Promise<Page> {
    if (this.#ended !== null) throw this.#ended;
    return ask();
  }
}

function abortOf(signal: AbortSignal | undefined): { aborted: Promise<null>; dispose(): void } {
  let abort = (): void => {};
  const aborted = new Promise<null>((resolve) => {
    abort = () => resolve(null);
  });
  signal?.addEventListener('abort', abort, { once: true });
  return { aborted, dispose: () => signal?.removeEventListener('abort', abort) };
}
