import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { summarizeTranscript } from './transcriptSummary.ts';

export interface FileSummary {
  file: string;
  summary: SessionSummary | null;
}

/** What a thread is given. */
export interface SummaryTask {
  files: readonly string[];
  /** Place of the next file in the list; shared by the threads that work on it. */
  next: Int32Array;
}

/** How long to read before telling what was found, milliseconds. */
const sliceMs = 10;

/**
 * Summarizes files until none is left, those that can be read.
 * @param next place of the next file in the list; shared by the threads that work on it
 */
export async function* summarizeSome(files: readonly string[], next: Int32Array): AsyncGenerator<FileSummary[], void> {
  let found: FileSummary[] = [];
  let due = performance.now() + sliceMs;
  for (let at = Atomics.add(next, 0, 1); at < files.length; at = Atomics.add(next, 0, 1)) {
    const file = files[at] as string;
    try {
      found.push({ file, summary: summarizeTranscript(file) });
    } catch {
      // The one who lists tries again, and says what is wrong.
    }
    if (performance.now() < due) continue;
    yield found;
    found = [];
    // Messages of other threads, and who wants to stop this, come in between.
    await new Promise(setImmediate);
    due = performance.now() + sliceMs;
  }
  yield found;
}
