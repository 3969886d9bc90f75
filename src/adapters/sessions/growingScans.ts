import { LRUCache } from 'lru-cache';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { TranscriptScan } from './transcriptScan.ts';
import { summarizeTranscript } from './transcriptSummary.ts';

/** A person runs few sessions at a time. */
const mostGrowing = 4;

/** What was read of transcripts that grow: of each only what was added is read the next time. */
export class GrowingScans {
  readonly #scans = new LRUCache<string, TranscriptScan>({ max: mostGrowing });

  /** See `summarizeTranscript`. */
  summarize(file: string): SessionSummary | null {
    const scan = this.#scans.get(file) ?? new TranscriptScan(file, { keepsEntries: false });
    this.#scans.set(file, scan);
    return summarizeTranscript(file, scan);
  }

  forget(file: string): void {
    this.#scans.delete(file);
  }
}
