import type { Worker } from 'node:worker_threads';
import { startThreads, untilExit } from '../workerThreads.ts';
import type { FilePlan } from './planSearch.ts';
import { type PlanResult, runPlans } from './runPlans.ts';
import type { ScanTask } from './scanThread.ts';

/** Less than this is searched before a thread has started. */
const worthThreads = 48 * 1024 * 1024;

/** Results of several threads, as they come. */
class ResultQueue {
  readonly #results: PlanResult[] = [];
  #wake: () => void = () => {};
  #working = 0;

  push(results: readonly PlanResult[]): void {
    this.#results.push(...results);
    this.#wake();
  }

  /** @param work calls `push` until it ends; that it fails ends it too */
  follow(work: Promise<void>): void {
    this.#working += 1;
    const end = (): void => {
      this.#working -= 1;
      this.#wake();
    };
    work.then(end, end);
  }

  /** Ends when all that was followed has ended. */
  async *results(): AsyncGenerator<PlanResult, void> {
    for (;;) {
      const result = this.#results.shift();
      if (result !== undefined) yield result;
      else if (this.#working === 0) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Threads for `runPlansInThreads`. Who starts them before it is known what there is to search gets it earlier. */
export function startScanThreads(count?: number): Promise<Worker[]> {
  return startThreads(new URL('./scanThread.ts', import.meta.url), {}, count);
}

async function pump(batches: AsyncIterable<PlanResult[]>, push: (results: PlanResult[]) => void): Promise<void> {
  for await (const results of batches) push(results);
}

/**
 * Searches files in this thread and, where there is much to read, in others beside it. Results come as they are found.
 * Ends early when the signal aborts or the caller has enough.
 * @param early threads that were started already; they are terminated at the end
 */
export async function* runPlansInThreads(
  plans: readonly FilePlan[],
  text: string,
  early: readonly Worker[] | null,
  signal: AbortSignal | undefined,
): AsyncGenerator<PlanResult, void> {
  const bytes = plans.reduce((sum, plan) => sum + plan.bytes, 0);
  const threads = early ?? (bytes < worthThreads ? [] : await startScanThreads());
  const next = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const task: ScanTask = { plans: plans.map(({ file, pieces }) => ({ file, pieces })), text, next };
  const missing = new Set(plans.keys());
  let left = false;
  const stop = (): void => {
    left = true;
    Atomics.store(next, 0, plans.length);
    for (const thread of threads) void thread.terminate();
  };
  const stopped = (): boolean => left;
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    const queue = new ResultQueue();
    const push = (results: PlanResult[]): void => queue.push(results);
    for (const thread of threads) {
      thread.on('message', push);
      thread.postMessage(task);
      queue.follow(untilExit(thread));
    }
    queue.follow(
      pump(
        runPlans(plans, text, () => Atomics.add(next, 0, 1), stopped),
        push,
      ),
    );
    for await (const result of queue.results()) {
      missing.delete(result.at);
      yield result;
      // Threads take their time to end; nobody waits for that.
      if (stopped() || missing.size === 0) return;
    }
    const lost = missing.values();
    for await (const results of runPlans(plans, text, () => lost.next().value ?? plans.length, stopped)) yield* results;
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}
