import { dirname, join } from 'node:path';
import { type Checkout, findCheckout, isGone, type LookedAt } from './findCheckout.ts';
import { isNetworkPath } from './isNetworkPath.ts';
import { linkedWorktrees } from './linkedWorktrees.ts';
import { WorktreeStore } from './worktreeStore.ts';

/**
 * Which repository and worktree folders belong to, also folders that are gone. Asks no git process, so nothing of a
 * repository (hooks, file system monitors) can run.
 */
export class Checkouts {
  readonly #store: WorktreeStore;
  /** What was found once counts as long as this lives: the folder may be deleted meanwhile. */
  readonly #found = new Map<string, Checkout>();

  /** @param home our data folder; the file `worktrees.json` in it remembers worktrees that are gone */
  constructor(home: string) {
    this.#store = new WorktreeStore(join(home, 'worktrees.json'));
  }

  /** @param folders absolute paths. @returns null for folders outside git, and for gone ones that nothing is known of */
  async find(folders: Iterable<string>): Promise<ReadonlyMap<string, Checkout | null>> {
    const asked = [...new Set(folders)];
    const gone: string[] = [];
    const lookedAt: LookedAt = new Map();
    await Promise.all(
      asked.map(async (folder) => {
        if (this.#found.has(folder) || isNetworkPath(folder)) return;
        if (isGone(folder)) gone.push(folder);
        else this.#keep(folder, await findCheckout(folder, lookedAt));
      }),
    );
    const seen = await this.#rememberWorktrees();
    const known = gone.length === 0 ? new Map<string, string>() : await this.#knownWorktrees(seen);
    const deduced = await Promise.all(
      gone.map(async (folder) => [folder, withinKnown(folder, known) ?? (await deduce(folder, lookedAt))] as const),
    );
    const late = new Map(deduced);
    return new Map(asked.map((folder) => [folder, this.#found.get(folder) ?? late.get(folder) ?? null]));
  }

  #keep(folder: string, checkout: Checkout | null): void {
    if (checkout !== null) this.#found.set(folder, checkout);
  }

  async #rememberWorktrees(): Promise<ReadonlySet<string>> {
    const worktrees = new Map<string, string>();
    const repositories = new Set<string>();
    for (const { repository, worktree } of this.#found.values()) {
      repositories.add(repository);
      if (worktree !== null) worktrees.set(worktree, repository);
    }
    await this.#store.add(worktrees);
    return repositories;
  }

  /** Repositories by worktree: those that were seen before, and those that repositories at hand still name. */
  async #knownWorktrees(repositories: ReadonlySet<string>): Promise<Map<string, string>> {
    const known = new Map(await this.#store.all());
    await Promise.all(
      [...new Set([...repositories, ...known.values()])].map(async (repository) => {
        for (const worktree of await linkedWorktrees(repository)) known.set(worktree, repository);
      }),
    );
    return known;
  }
}

/** The innermost known worktree that a folder lies in. */
function withinKnown(folder: string, known: ReadonlyMap<string, string>): Checkout | null {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const repository = known.get(at);
    if (repository !== undefined) return { repository, worktree: at };
  }
  return null;
}

/** What the nearest folder that is left tells of a folder that is gone. */
async function deduce(folder: string, lookedAt: LookedAt): Promise<Checkout | null> {
  const checkout = await findCheckout(folder, lookedAt);
  // Claude Code puts its own worktrees there.
  const own = /^(.+)[\\/]\.claude[\\/]worktrees[\\/][^\\/]+/.exec(folder);
  return own !== null && checkout?.worktree === null && checkout.repository === own[1]
    ? { repository: checkout.repository, worktree: own[0] }
    : checkout;
}
