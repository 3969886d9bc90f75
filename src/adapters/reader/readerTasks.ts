import isEqual from 'fast-deep-equal';
import { NotFoundError } from '../../core/errors.ts';
import type { OpenSession, SessionStore } from '../../core/fork/sessionStore.ts';
import type { SessionSearch } from '../../core/search/sessionSearch.ts';
import type { RecordedSession, TurnOutline } from '../../core/session/recordedSession.ts';
import { sessionChanges } from './sessionChanges.ts';
import { type SessionMethod, sessionMethods } from './sessionMethods.ts';

/** A session that the other thread has open. Its number is the other thread's; `file` opens it again where it was let go. */
export interface SessionHandle {
  handle: number;
  file: string;
}

/** A session as it was opened. Of one that the other thread has seen before only the turns from the first new one on. */
export type OpenedSession =
  | { unchanged: true }
  | { unchanged: false; rest: Omit<RecordedSession, 'turns'>; knownTurns: number; newTurns: TurnOutline[] };

/** What a reader's thread can be asked for. */
export type ReaderTasks = ReturnType<typeof createReaderTasks>;

/** The reading side of sessions, for another thread. */
export function createReaderTasks(sessions: SessionStore, search: SessionSearch) {
  const opened = new OpenedSessions(sessions);
  return {
    /** Answers as soon as the thread runs. */
    ready: (_signal: AbortSignal) => Promise.resolve(true),
    list: (signal: AbortSignal, options: { project?: string; limit?: number }) => sessions.list({ ...options, signal }),
    /** @param before session that the other thread has of the same file, null for none */
    open: (_signal: AbortSignal, session: string, handle: number, before: number | null) =>
      opened.open(session, handle, before),
    release: (_signal: AbortSignal, handle: number) => Promise.resolve(opened.release(handle)),
    ask: async (_signal: AbortSignal, session: SessionHandle, method: SessionMethod, args: unknown[]) =>
      call(await opened.get(session), method, args) as Promise<unknown>,
    async *each(
      _: AbortSignal,
      session: SessionHandle,
      method: SessionMethod,
      args: unknown[],
    ): AsyncGenerator<unknown> {
      yield* call(await opened.get(session), method, args) as AsyncIterable<unknown>;
    },
    /** @param since changes from this moment on (milliseconds since 1970) are told too; null for those to come */
    watch: (signal: AbortSignal, since: number | null) => sessionChanges(sessions, since, signal),
    search: (signal: AbortSignal, query: Parameters<SessionSearch['search']>[0]) => search.search(query, { signal }),
    updateIndex: (_signal: AbortSignal) => search.updateIndex(),
  };
}

/** @param method a name that came from the other thread: only methods that can be called from there are */
function call(session: OpenSession, method: SessionMethod, args: unknown[]): unknown {
  if (!Object.hasOwn(sessionMethods, method)) throw new Error('A session has no such method.');
  return (session[method] as (...given: unknown[]) => unknown)(...args);
}

class OpenedSessions {
  readonly #open = new Map<number, Promise<OpenSession>>();

  constructor(private readonly sessions: SessionStore) {}

  async open(session: string, handle: number, before: number | null): Promise<OpenedSession> {
    const open = await openWithSteps(this.sessions, session);
    const known = before === null ? null : ((await this.#open.get(before)?.catch(() => null)) ?? null);
    const { turns, ...rest } = open.session;
    const knownTurns = known === null ? 0 : sameAtStart(known.session.turns, turns);
    if (known !== null && before !== null && knownTurns === Math.max(turns.length, known.session.turns.length)) {
      const { turns: _, ...knownRest } = known.session;
      if (isEqual(knownRest, rest)) {
        // Equal outlines don't mean equal contents: what is read from now on is what was opened now.
        this.#open.set(before, Promise.resolve(open));
        return { unchanged: true };
      }
    }
    this.#open.set(handle, Promise.resolve(open));
    return { unchanged: false, rest, knownTurns, newTurns: turns.slice(knownTurns) };
  }

  get({ handle, file }: SessionHandle): Promise<OpenSession> {
    const open = this.#open.get(handle) ?? this.sessions.open(file);
    this.#open.set(handle, open);
    // What could not be opened is tried again by the next call.
    open.catch(() => this.#open.delete(handle));
    return open;
  }

  release(handle: number): void {
    this.#open.delete(handle);
  }
}

/** Steps of turns may be read late, and not any more where another process has read the session's file on: then it is opened anew. */
async function openWithSteps(sessions: SessionStore, session: string): Promise<OpenSession> {
  const open = await sessions.open(session);
  try {
    for (const turn of open.session.turns) void turn.steps;
    return open;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    return sessions.open(session);
  }
}

function sameAtStart(a: readonly TurnOutline[], b: readonly TurnOutline[]): number {
  const differs = a.findIndex((turn, at) => !isEqual(turn, b[at]));
  return differs === -1 ? a.length : differs;
}
