import { BadInputError } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { FoundText } from '../../core/search/searchRecord.ts';
import type { SearchBatch, SearchHit, SearchQuery } from '../../core/search/sessionSearch.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { type FilePlan, planSearch } from './planSearch.ts';
import type { PlanResult } from './runPlans.ts';
import { runPlansInThreads, startScanThreads } from './runPlansInThreads.ts';
import type { TextIndex } from './textIndex.ts';
import type { Transcript } from './transcriptFiles.ts';

/** Where a text stands: what the record alone doesn't tell. */
export interface TextPlace {
  turnId: TurnId | null;
  turnIndex: number | null;
  turnInFile: number | null;
  /** The tool whose input or result it is. */
  tool: string | null;
}

/** What a search works with. */
export interface SearchSources {
  /** Transcripts that are asked for, and the order in which those of them are searched that may hold the text. */
  transcripts(
    query: SearchQuery,
    signal: AbortSignal | undefined,
  ): Promise<{ transcripts: Transcript[]; inOrder: (plans: FilePlan[]) => FilePlan[] }>;
  /**
   * The session of a transcript, and places of what was found in it, in the same order, null for what is no hit after all. Null
   * where it is gone by now.
   */
  places(
    transcript: Transcript,
    found: readonly FoundText[],
  ): Promise<{ session: SessionSummary; places: (TextPlace | null)[] } | null>;
  /** Null where there is none. */
  index: TextIndex | null;
}

function timeOf(given: string | undefined, path: string): number | null {
  if (given === undefined) return null;
  const time = Date.parse(given);
  if (!Number.isNaN(time)) return time;
  throw new BadInputError(`${JSON.stringify(given)} is no date.`, 'Write it as 2026-06-01 or 2026-06-01T12:00:00Z.', {
    path,
  });
}

/** Which hits a query leaves in. */
class Filter {
  readonly #since: number | null;
  readonly #until: number | null;
  readonly #tool: string | null;

  constructor({ since, until, tool }: SearchQuery) {
    this.#since = timeOf(since, 'since');
    this.#until = timeOf(until, 'until');
    this.#tool = tool?.toLowerCase() ?? null;
  }

  /** @param tool by its name, where the found text is a tool's */
  takes({ at }: FoundText, tool: string | null): boolean {
    if (this.#tool !== null && tool?.toLowerCase() !== this.#tool) return false;
    if (this.#since === null && this.#until === null) return true;
    const time = at === null ? null : Date.parse(at);
    return time !== null && time >= (this.#since ?? time) && time < (this.#until ?? Number.POSITIVE_INFINITY);
  }
}

function hitOf({ file }: Transcript, session: SessionSummary, found: FoundText, place: TextPlace): SearchHit {
  const { toolUseId: _call, index: _index, ...text } = found;
  const { sessionId, title, projectPath, lastAt } = session;
  return { sessionId, file, sessionFile: session.file, title, lastAt, projectPath, ...text, ...place };
}

/** Results in the plans' order, each as soon as all before it are there. */
async function* oneByOne(results: AsyncIterable<PlanResult>): AsyncGenerator<PlanResult, void> {
  const waiting = new Map<number, PlanResult>();
  let next = 0;
  for await (const result of results) {
    waiting.set(result.at, result);
    for (let ready = waiting.get(next); ready !== undefined; ready = waiting.get(next)) {
      waiting.delete(next);
      next += 1;
      yield ready;
    }
  }
}

/**
 * Looks for a text in the recorded sessions, through the index where it knows a file as it is, else in the file itself:
 * both find the same.
 * @throws BadInputError where the query is empty or a date is none
 */
export async function* searchFiles(
  sources: SearchSources,
  query: SearchQuery,
  signal?: AbortSignal,
): AsyncGenerator<SearchBatch, void> {
  const text = textOf(query);
  const filter = new Filter(query);
  // Without an index everything is searched: threads for that start while the files are looked for.
  const early = sources.index?.exists === true ? null : await startScanThreads();
  try {
    const { transcripts, inOrder } = await sources.transcripts(query, signal);
    const plans = inOrder(planSearch(transcripts, text, sources.index));
    const files = plans.length;
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    let complete = true;
    let searched = 0;
    for await (const { at, found, failed } of oneByOne(runPlansInThreads(plans, text, early, signal))) {
      searched += 1;
      if (failed) complete = false;
      const plan = plans[at];
      if (plan === undefined || found.length === 0) continue;
      const placed = await sources.places(plan, found);
      if (placed === null) continue;
      const hits = found.flatMap((each, index) => {
        const place = placed.places[index] ?? null;
        return place !== null && filter.takes(each, place.tool) ? hitOf(plan, placed.session, each, place) : [];
      });
      if (signal?.aborted === true) return;
      if (hits.length > left) complete = false;
      if (hits.length > 0) yield { hits: hits.slice(0, left), searched, files, complete: false };
      left -= hits.length;
      if (left <= 0) break;
    }
    yield { hits: [], searched, files, complete: complete && searched === files };
  } finally {
    for (const thread of early ?? []) void thread.terminate();
  }
}

function textOf(query: SearchQuery): string {
  const text = query.text.trim();
  if (text !== '') return text;
  throw new BadInputError('There is nothing to search for.', 'Give a word or a part of one.', { path: 'query' });
}
