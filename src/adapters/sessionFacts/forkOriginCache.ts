import { readJsonMap } from '../readJsonMap.ts';
import { writeWhole } from '../writeWhole.ts';
import type { ForkOrigin } from './forkOrigin.ts';

/**
 * Origins of forks by file: what a session was forked from never changes, and finding it out means reading it. Only a help:
 * what can't be read or written is as if it were not there.
 */
export class ForkOriginCache {
  readonly #file: string;
  #known: Map<string, ForkOrigin> | null = null;
  #added = false;

  /** @param file absolute path of our JSON file, existing or not */
  constructor(file: string) {
    this.#file = file;
  }

  async all(): Promise<ReadonlyMap<string, ForkOrigin>> {
    this.#known ??= await this.#read();
    return this.#known;
  }

  add(file: string, origin: ForkOrigin): void {
    this.#known?.set(file, origin);
    this.#added = true;
  }

  /** Writes what was added, with what another process has added meanwhile. */
  async save(): Promise<void> {
    if (!this.#added) return;
    this.#added = false;
    const merged = new Map([...(await this.#read()), ...(this.#known ?? [])]);
    this.#known = merged;
    const text = JSON.stringify({ version: 1, forks: Object.fromEntries(merged) });
    await writeWhole(this.#file, text).catch(() => undefined);
  }

  async #read(): Promise<Map<string, ForkOrigin>> {
    return readJsonMap(this.#file, 'forks', originOf);
  }
}

function originOf(value: unknown): ForkOrigin | null {
  const { sessionId, messageUuid } = (value ?? {}) as Partial<Record<keyof ForkOrigin, unknown>>;
  if (typeof sessionId !== 'string' || (typeof messageUuid !== 'string' && messageUuid !== null)) return null;
  return { sessionId, messageUuid };
}
