import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../writeWhole.ts';
import type { ForkOrigin } from './forkOrigin.ts';

/** A UUID of version 8, as branches' sessions have: Claude Code's own are of version 4. */
const ofBranch = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/;

/**
 * Which sessions the sessions of branches come from that began before the first prompt: nothing is copied into these, so their own
 * files can't say it. One small file for each, so that processes don't wait for each other.
 */
export class BranchOrigins {
  readonly #folder: string;

  /** @param home our data folder, existing or not */
  constructor(home: string) {
    this.#folder = join(home, 'branch-sessions');
  }

  /** Whether something may be noted of the session: then it has the id of a branch's session. */
  static mayHave(sessionId: string): boolean {
    return ofBranch.test(sessionId);
  }

  /** @throws the file system's error where it can't be written */
  async note(sessionId: string, source: string): Promise<void> {
    await writeWhole(this.#file(sessionId), JSON.stringify({ forkedFrom: { sessionId: source } }));
  }

  /** Null where nothing is noted. */
  async of(sessionId: string): Promise<ForkOrigin | null> {
    if (!BranchOrigins.mayHave(sessionId)) return null;
    try {
      const { forkedFrom } = JSON.parse(await readFile(this.#file(sessionId), 'utf8')) as { forkedFrom?: unknown };
      const source = (forkedFrom as { sessionId?: unknown } | undefined)?.sessionId;
      return typeof source === 'string' ? { sessionId: source, messageUuid: null } : null;
    } catch {
      return null;
    }
  }

  async forget(sessionId: string): Promise<void> {
    await rm(this.#file(sessionId), { force: true });
  }

  #file(sessionId: string): string {
    return join(this.#folder, `${sessionId}.json`);
  }
}
