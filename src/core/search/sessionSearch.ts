import type { SessionId, TurnId } from '../ids.ts';

/** What to look for in the recorded sessions. */
export interface SearchQuery {
  /** Found anywhere inside a text. Capitals in it make the search tell them apart from small letters. */
  text: string;
  /** Only sessions of this project folder. */
  project?: string;
  /** Only sessions whose project folder has this in its path; capitals don't matter. */
  projectName?: string;
  /** Only messages from this time on, ISO 8601. */
  since?: string;
  /** Only messages before this time, ISO 8601. */
  until?: string;
  /** Only sessions in which a model answered whose id contains this. */
  model?: string;
  /** Only inputs and results of this tool; capitals don't matter. */
  tool?: string;
  /** Ends the search after so many hits. */
  limit?: number;
}

export type SearchKind = 'prompt' | 'reply' | 'thinking' | 'tool input' | 'tool result';

/** One text of a recording in which the query stands. */
export interface SearchHit {
  sessionId: SessionId;
  /** File that holds the text: the session's, or that of a subagent of it. */
  file: string;
  /** The session's own file. */
  sessionFile: string;
  title: string;
  /** When the session was last gone on with, ISO 8601. */
  lastAt: string | null;
  projectPath: string | null;
  /** Turn that the text belongs to; of a subagent, the turn that started it. Null where there is none. */
  turnId: TurnId | null;
  /** 1-based, as `inspect` counts; null without a turn. */
  turnIndex: number | null;
  /** The turn in the file that holds the text, where that is a subagent's and has turns of its own; else as `turnIndex`. */
  turnInFile: number | null;
  /** Of the message that holds the text; empty for a prompt that was never passed on to the model. */
  uuid: string;
  /** 1-based line in the file. */
  line: number;
  kind: SearchKind;
  /** Name of the tool for its inputs and results, null where unknown. */
  tool: string | null;
  /** ISO 8601. */
  at: string | null;
  /** A line of the text around the match. */
  snippet: string;
  /** Where in the snippet the query stands: start and end (exclusive), in UTF-16 units. */
  ranges: [number, number][];
}

/** Hits that were found since the batch before, and how far the search is. */
export interface SearchBatch {
  /** Those of the session first whose file changed last; inside a file in its order. */
  hits: SearchHit[];
  /** Files that are done, of those that had to be looked at. */
  searched: number;
  files: number;
  /** True in the last batch when everything was searched to the end: no limit reached, nothing unreadable. */
  complete: boolean;
}

/** How far the index of all texts is. */
export interface IndexProgress {
  /** Files that are searched through the index. */
  indexed: number;
  files: number;
}

/** Full-text search over recorded sessions. */
export interface SessionSearch {
  /**
   * Prompts, replies, tool inputs and results that hold a text, subagents' with them; as they are now, whether indexed or
   * not. Ends without a last batch when the signal aborts.
   * @throws BadInputError where the query is empty or a date is none
   */
  search(query: SearchQuery, options?: { signal?: AbortSignal }): AsyncIterable<SearchBatch>;
  /**
   * Brings the index up to date, with room for others in between; a search meanwhile goes first. Leaving the iteration
   * stops it, and what was done by then stays. Yields nothing where no index can be kept.
   */
  updateIndex(): AsyncIterable<IndexProgress>;
}
