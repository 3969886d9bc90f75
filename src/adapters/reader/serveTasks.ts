import { createBirpc } from 'birpc';
import { heaviest, type Piece, piecesOf } from './pieces.ts';
import { toPlainError } from './plainError.ts';
import type { Page, Task, TaskPort, TaskServerCalls, Tasks } from './taskProtocol.ts';

type Weighed = { piece: Piece; weight: number };

/** Does tasks for the other end of a channel, until the channel is closed. */
export function serveTasks<T extends Tasks<T>>(port: TaskPort, tasks: T): void {
  const running = new Map<number, RunningTask>();
  const pageOf = async (id: number): Promise<Page> => {
    const page = await running.get(id)?.page();
    // Whoever stopped a task is not waiting for its page.
    if (page === undefined) return { pieces: [], done: true };
    if ('error' in page || page.done) running.delete(id);
    return page;
  };
  const calls: TaskServerCalls = {
    start(id, name, args) {
      const task = Object.hasOwn(tasks, name) ? tasks[name as keyof T] : unknownTask;
      running.set(id, new RunningTask(task, args));
      return pageOf(id);
    },
    next: pageOf,
    stop(id) {
      running.get(id)?.stop();
      running.delete(id);
    },
  };
  createBirpc<object, TaskServerCalls>(calls, {
    post: (message) => port.postMessage(message, transferable(message)),
    on: (listener) => port.on('message', listener),
    timeout: -1,
    // What can't be cloned is answered as an error.
    onGeneralError: () => true,
  });
}

const unknownTask: Task = () =>
  Promise.reject(new Error('The other thread was asked for a task that it does not know.'));

/** A task, and what it has made that nobody has fetched. */
class RunningTask {
  readonly #abort = new AbortController();
  readonly #pieces: AsyncGenerator<Weighed, void>;
  #next: Promise<IteratorResult<Weighed, void>> | null = null;

  constructor(task: Task, args: unknown[]) {
    this.#pieces = piecesOfAll(() => task(this.#abort.signal, ...args));
  }

  /** What is there until the event loop turns, but no more than is taken in without a stall. Waits for the first piece. */
  async page(): Promise<Page> {
    const pieces: Piece[] = [];
    let weight = 0;
    const turned = new Promise<null>((resolve) => setImmediate(resolve, null));
    try {
      while (weight < heaviest) {
        this.#next ??= this.#pieces.next();
        // It may fail between two pages, when nobody is looking.
        this.#next.catch(() => {});
        const next = await (pieces.length === 0 ? this.#next : Promise.race([this.#next, turned]));
        if (next === null) break;
        this.#next = null;
        if (next.done === true) return { pieces, done: true };
        pieces.push(next.value.piece);
        weight += next.value.weight;
      }
      return { pieces, done: false };
    } catch (error) {
      // What came before counts; the next page fails again.
      return pieces.length > 0 ? { pieces, done: false } : { error: toPlainError(error) };
    }
  }

  stop(): void {
    this.#abort.abort();
    this.#pieces.return().catch(() => {});
  }
}

async function* piecesOfAll(run: () => Promise<unknown> | AsyncIterable<unknown>): AsyncGenerator<Weighed, void> {
  const result = run();
  if (Symbol.asyncIterator in result) for await (const value of result) yield* piecesOf(value);
  else yield* piecesOf(await result);
}

/** Bytes that are a result of their own go over without being copied again. */
function transferable(message: { r?: Page }): ArrayBuffer[] {
  const pieces = message.r !== undefined && 'pieces' in message.r ? message.r.pieces : [];
  return pieces.flatMap(({ put }) => {
    if (!(put?.value instanceof Uint8Array)) return [];
    // Ours may be part of something larger, or still in use here.
    const copy = new Uint8Array(put.value);
    put.value = copy;
    return [copy.buffer];
  });
}
