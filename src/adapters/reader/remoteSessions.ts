import type { OpenSession, SessionStore } from '../../core/fork/sessionStore.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { projectsIn } from '../claudeCode/layout.ts';
import type { ReadingFolders } from './createReadingStore.ts';
import type { Reader } from './reader.ts';
import { createRemoteSession } from './remoteSession.ts';
import { RemoteWatch } from './remoteWatch.ts';

type Opened = { handle: number; session: WeakRef<OpenSession> };

/** A session store that lives in a reader's thread. */
export function createRemoteSessions(
  reader: Reader,
  { claudeDirs }: ReadingFolders,
  log?: (message: string, error: unknown) => void,
): SessionStore {
  const opened = new OpenedSessions(reader);
  const watch = new RemoteWatch(reader, log);
  return {
    folders: [...new Set(claudeDirs.map(projectsIn))],
    list: ({ signal, ...options } = {}): Promise<SessionSummary[]> => reader.call('list', [options], signal),
    open: (session) => opened.open(session),
    watch: (listener) => watch.add(listener),
  };
}

/** The open sessions that somebody still holds. */
class OpenedSessions {
  readonly #opened = new Map<string, Opened>();
  readonly #collected = new FinalizationRegistry<{ asked: string; handle: number }>((gone) => this.#release(gone));
  #lastHandle = 0;

  constructor(private readonly reader: Reader) {}

  /** Opening a session again costs what has changed in it, and gives the same object where nothing has. */
  async open(asked: string): Promise<OpenSession> {
    const before = this.#opened.get(asked);
    const known = before?.session.deref() ?? null;
    const handle = (this.#lastHandle += 1);
    const answer = await this.reader.call('open', [asked, handle, known === null ? null : (before?.handle ?? null)]);
    if (answer.unchanged) {
      if (known === null) throw new Error('The reader named a session that it was not asked for.');
      return known;
    }
    const { rest, knownTurns, newTurns } = answer;
    const turns = [...(known?.session.turns.slice(0, knownTurns) ?? []), ...newTurns];
    const open = createRemoteSession(this.reader, handle, { ...rest, turns });
    this.#opened.set(asked, { handle, session: new WeakRef(open) });
    this.#collected.register(open, { asked, handle });
    return open;
  }

  #release({ asked, handle }: { asked: string; handle: number }): void {
    if (this.#opened.get(asked)?.handle === handle) this.#opened.delete(asked);
    this.reader.release(handle);
  }
}
