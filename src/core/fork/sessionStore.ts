import type { BranchChain } from '../agent/agentSettings.ts';
import type { Disposable } from '../disposable.ts';
import type { FileCut, FileReading, RecordedCommit, Side, TurnFiles } from '../files/fileState.ts';
import type { FoundPlaces } from '../search/hitPlaces.ts';
import type { RecordedRequest } from '../session/recordedRequest.ts';
import type { RecordedSession, SessionSummary, TranscriptMessage, Turn } from '../session/recordedSession.ts';
import type { ForkContext } from './forkContext.ts';
import type { ForkPoint } from './forkRequest.ts';

/**
 * A session that was opened: its outline is in memory, contents are read when asked for. It may live in another thread, so
 * everything that crosses it is plain data.
 */
export interface OpenSession {
  readonly session: RecordedSession;
  /** Turns with their contents, in the order asked for; indexes that the session has not are left out. */
  turns(indexes: readonly number[]): Promise<Turn[]>;
  /** Every recovered transcript message once, in file order. */
  messages(): AsyncIterable<TranscriptMessage>;
  /** Every recorded request of the file and of its subagents' files, in file order. */
  requests(): AsyncIterable<RecordedRequest>;
  /**
   * What a fork at this point starts from.
   * @param following how many of the recorded turns from the cut on are wanted; default 2
   * @throws NotFoundError where no such turn or message is recorded, ForkPointError where the cut would leave an
   * illegal history (for example between a tool call and its result)
   */
  forkAt(point: ForkPoint, following?: number): Promise<ForkContext>;
  /**
   * Lines of the file from which Claude Code itself can go on at this point.
   * @throws as `forkAt`
   */
  branchChain(point: ForkPoint): Promise<BranchChain>;
  /** Where messages and tool calls of this file stand. */
  places(uuids: readonly string[], toolUseIds: readonly string[]): Promise<FoundPlaces>;
  /**
   * The files that the session touched, as they were before and after a turn (1-based), as far as that is known.
   * @throws NotFoundError where the session has no such turn
   */
  files(turn: number, reading?: FileReading): Promise<TurnFiles>;
  /**
   * The bytes of such a file.
   * @param path absolute, or relative to the session's folder
   * @returns null where there was no such file, or nothing is known of it: `files` says which
   * @throws NotFoundError for a turn that the session has not, and a path that it did not touch
   */
  fileContent(turn: number, path: string, side: Side, reading?: FileReading): Promise<Uint8Array | null>;
  /**
   * What the recording says of the commit that was checked out before or after a turn (1-based).
   * @param until where the turn is taken to end, for `after`
   * @throws NotFoundError where the session has no such turn
   */
  commitAt(turn: number, side: Side, until?: FileCut): Promise<RecordedCommit>;
}

export type SessionChange =
  | {
      kind: 'changed';
      session: SessionSummary;
      /** Set where it is not the transcript that changed but this file of one of its subagents. */
      subagent?: string;
    }
  | { kind: 'removed'; sessionId: SessionSummary['sessionId']; file: string };

/** The recorded sessions of one or more Claude Code config folders. Read only: a recording is never written to. */
export interface SessionStore {
  /** Newest first. Yields nothing for folders that do not exist; unreadable files are rows with a problem count. */
  list(options?: { project?: string; limit?: number; signal?: AbortSignal }): Promise<SessionSummary[]>;
  /**
   * @param session id, unique prefix of one, or path of a transcript (of a subagent's too)
   * @throws NotFoundError where nothing matches, BadInputError where a prefix matches several
   */
  open(session: string): Promise<OpenSession>;
  /** Calls back within a second of a file's appearing, growing, being renamed or deleted. Rereads only that file. */
  watch(listener: (change: SessionChange) => void): Disposable;
  /** The folders that are read (`…/projects`), existing or not. */
  readonly folders: readonly string[];
}
