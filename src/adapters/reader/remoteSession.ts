import type { OpenSession } from '../../core/fork/sessionStore.ts';
import type { RecordedSession } from '../../core/session/recordedSession.ts';
import type { Reader } from './reader.ts';
import { type SessionMethod, sessionMethods } from './sessionMethods.ts';

/**
 * A session that is open in a reader's thread. Its outline is here; whatever else is asked of it is read there, from what
 * its file is now where the thread has let it go meanwhile.
 */
export function createRemoteSession(reader: Reader, handle: number, session: RecordedSession): OpenSession {
  const at = { handle, file: session.summary.file };
  const methods = (Object.keys(sessionMethods) as SessionMethod[]).map((method) => {
    const ask = (...args: unknown[]) =>
      sessionMethods[method] === 'value'
        ? reader.call('ask', [at, method, args])
        : reader.iterate('each', [at, method, args]);
    return [method, ask];
  });
  return { session, ...(Object.fromEntries(methods) as Omit<OpenSession, 'session'>) };
}
