import type { Disposable } from '../../../core/disposable.ts';
import type { OwnFolderWatch } from './ownFolderWatch.ts';

/** Watching more would cost handles for sessions that nobody works in. */
const kept = 32;

/** What is watched of one session. */
interface Watched {
  own: OwnFolderWatch;
  /** Looks at the transcript again. */
  look: () => Promise<void>;
}

/** The sessions that changed last: only these have subagents at work. Their own folders are watched as well. */
export class LiveSessions implements Disposable {
  /** By path of the transcript. */
  readonly #sessions = new Map<string, Watched & { changedAt: number }>();

  /**
   * Takes a session among them, unless there are enough that changed later.
   * @param changedAt milliseconds since the epoch
   * @param make called where it is not among them yet
   */
  touch(file: string, changedAt: number, make: () => Watched): void {
    const known = this.#sessions.get(file);
    if (known === undefined && this.#sessions.size >= kept) {
      const [oldest, { changedAt: oldestAt }] = [...this.#sessions].reduce((a, b) =>
        b[1].changedAt < a[1].changedAt ? b : a,
      );
      if (oldestAt > changedAt) return;
      this.forget(oldest);
    }
    const session = { ...(known ?? make()), changedAt };
    this.#sessions.set(file, session);
    session.own.arm();
  }

  forget(file: string): void {
    this.#sessions.get(file)?.own.dispose();
    this.#sessions.delete(file);
  }

  /** Looks at each again, and at whether its folder has come since. */
  async sweep(): Promise<void> {
    for (const { own, look } of this.#sessions.values()) {
      own.arm();
      await look();
    }
  }

  dispose(): void {
    for (const file of this.#sessions.keys()) this.forget(file);
  }
}
