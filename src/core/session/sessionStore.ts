import type { Disposable } from '../run/ports.ts';
import type { RecordedSession, SessionSummary, TranscriptMessage } from './recordedSession.ts';
import type { SessionRequests } from './requestLog.ts';

/** A session read as a whole: its turns, and on demand its messages and requests. */
export interface OpenSession {
  readonly session: RecordedSession;
  /** Every recovered transcript message once, in file order. */
  messages(): TranscriptMessage[];
  /** What of the requests is recorded, and the rebuilding of them. */
  requests(): SessionRequests;
}

export type SessionChange =
  | { kind: 'changed'; session: SessionSummary }
  | { kind: 'removed'; sessionId: SessionSummary['sessionId']; file: string };

/** The recorded sessions of one or more Claude Code config folders. Read only: a recording is never written to. */
export interface SessionStore {
  /** Newest first. Yields nothing for folders that do not exist; unreadable files are rows with a problem count. */
  list(options?: { project?: string; limit?: number; signal?: AbortSignal }): Promise<SessionSummary[]>;
  /**
   * @param session id, unique prefix of one, or path of a transcript
   * @throws NotFoundError where nothing matches, BadInputError where a prefix matches several
   */
  open(session: string): Promise<OpenSession>;
  /** Calls back within a second of a file's appearing, growing, being renamed or deleted. Rereads only that file. */
  watch(listener: (change: SessionChange) => void): Disposable;
  /** The folders that are read (`…/projects`), existing or not. */
  readonly folders: readonly string[];
}
