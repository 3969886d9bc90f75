import { readJsonMap } from '../readJsonMap.ts';
import { writeWhole } from '../writeWhole.ts';

/**
 * Which repository each worktree belonged to that was ever seen: git forgets a worktree whose folder is gone, and its
 * sessions would stand alone. Only a help: what can't be read or written is as if it were not there.
 */
export class WorktreeStore {
  readonly #file: string;
  #known: Map<string, string> | null = null;

  /** @param file absolute path of our JSON file, existing or not */
  constructor(file: string) {
    this.#file = file;
  }

  /** Main checkouts by folder of the worktree. */
  async all(): Promise<ReadonlyMap<string, string>> {
    this.#known ??= await this.#read();
    return this.#known;
  }

  /** Adds what is new. Writes only then, and keeps what another process has added meanwhile. */
  async add(worktrees: ReadonlyMap<string, string>): Promise<void> {
    const known = await this.all();
    if (Array.from(worktrees).every(([worktree, repository]) => known.get(worktree) === repository)) return;
    const merged = new Map([...(await this.#read()), ...worktrees]);
    this.#known = merged;
    const text = JSON.stringify({ version: 1, worktrees: Object.fromEntries(merged) });
    await writeWhole(this.#file, text).catch(() => undefined);
  }

  async #read(): Promise<Map<string, string>> {
    return readJsonMap(this.#file, 'worktrees', (repository) => (typeof repository === 'string' ? repository : null));
  }
}
