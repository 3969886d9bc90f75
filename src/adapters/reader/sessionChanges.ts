import type { SessionChange, SessionStore } from '../../core/fork/sessionStore.ts';

/** A change is told within a second; what ended in mid-watch may have left the last ones untold. */
const untoldMs = 1000;

/**
 * What happens to the sessions of a store, until the signal aborts.
 * @param since sessions that changed from this moment on (milliseconds since 1970) are told first; null for none
 */
export async function* sessionChanges(
  store: SessionStore,
  since: number | null,
  signal: AbortSignal,
): AsyncGenerator<SessionChange, void> {
  const changes: SessionChange[] = [];
  let wake = (): void => {};
  const watching = store.watch((change) => {
    changes.push(change);
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    if (since !== null) yield* changedSince(store, since - untoldMs, signal);
    while (!signal.aborted) {
      const change = changes.shift();
      if (change !== undefined) yield change;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    watching.dispose();
  }
}

async function* changedSince(
  store: SessionStore,
  since: number,
  signal: AbortSignal,
): AsyncGenerator<SessionChange, void> {
  for (const session of await store.list({ signal })) {
    if (session.modifiedAt !== null && Date.parse(session.modifiedAt) >= since) yield { kind: 'changed', session };
  }
}
