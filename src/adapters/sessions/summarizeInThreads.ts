import type { Worker } from 'node:worker_threads';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { startThreads, untilExit } from '../workerThreads.ts';
import type { FileSummary, SummaryTask } from './summarizeSome.ts';

/** Nearly all that is made on the way is garbage at once: room for more of it costs 14 MB and saves no time. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 };

/** Threads for `summarizeInThreads`. Who starts them before it is known what there is to do gets it done earlier. */
export function startSummaryThreads(count?: number): Promise<Worker[]> {
  return startThreads(new URL('./summaryThread.ts', import.meta.url), resourceLimits, count);
}

/**
 * Summarizes files in this thread and in others beside it. Files that can't be read are left out.
 * @param files in the order in which they are begun
 * @param threads are terminated at the end
 * @throws the signal's reason once it aborts
 */
export async function* summarizeInThreads(
  files: readonly string[],
  threads: readonly Worker[],
  signal?: AbortSignal,
): AsyncGenerator<{ file: string; summary: SessionSummary | null }, void> {
  const next = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const found: FileSummary[] = [];
  const ends = threads.map((thread) => {
    thread.on('message', (some: FileSummary[]) => found.push(...some));
    thread.postMessage({ files, next } satisfies SummaryTask);
    return untilExit(thread);
  });
  try {
    // Loaded here: the other threads start meanwhile.
    const { summarizeSome } = await import('./summarizeSome.ts');
    for await (const some of summarizeSome(files, next)) {
      signal?.throwIfAborted();
      yield* some;
      yield* found.splice(0);
    }
    await Promise.all(ends);
    yield* found.splice(0);
  } finally {
    for (const thread of threads) void thread.terminate();
  }
}
