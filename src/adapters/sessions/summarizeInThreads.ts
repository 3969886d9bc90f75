import { availableParallelism } from 'node:os';
import type { Worker as WorkerType } from 'node:worker_threads';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { FileSummary } from './summarizeSome.ts';

const mostThreads = 4;
/** Nearly all that is made on the way is garbage at once: room for more of it costs 14 MB and saves no time. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

/** Beside the source lies the source, beside the bundle the bundled thread. */
const isSource = import.meta.url.endsWith('.ts');
const script = new URL(isSource ? './summaryThread.ts' : './summaryThread.js', import.meta.url);
const execArgv = isSource ? ['--experimental-transform-types', '--no-warnings'] : [];

/** Starts a thread that works on the list, too. @param tell called with what it has found, now and then */
export function startSummaryThread(
  Worker: typeof WorkerType,
  files: readonly string[],
  next: Int32Array,
  tell: (some: FileSummary[]) => void,
) {
  const thread = new Worker(script, { workerData: { files, next }, execArgv, resourceLimits });
  thread.on('message', tell);
  // A thread that breaks ends; what it had taken is read later, one by one.
  thread.on('error', () => {});
  return { thread, ended: new Promise<void>((resolve) => thread.once('exit', () => resolve())) };
}

/**
 * Summarizes files in this thread and in others beside it. Files that can't be read are left out.
 * @param files in the order in which they are begun
 * @throws the signal's reason once it aborts
 */
export async function* summarizeInThreads(
  files: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<{ file: string; summary: SessionSummary | null }, void> {
  const { Worker } = await import('node:worker_threads');
  const next = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const found: FileSummary[] = [];
  const threads = Array.from({ length: Math.min(mostThreads, availableParallelism()) - 1 }, () =>
    startSummaryThread(Worker, files, next, (some) => found.push(...some)),
  );
  try {
    // Loaded here: the other threads start meanwhile.
    const { summarizeSome } = await import('./summarizeSome.ts');
    for await (const some of summarizeSome(files, next)) {
      signal?.throwIfAborted();
      yield* some;
      yield* found.splice(0);
    }
    await Promise.all(threads.map(({ ended }) => ended));
    yield* found.splice(0);
  } finally {
    for (const { thread } of threads) void thread.terminate();
  }
}
