import { LRUCache } from 'lru-cache';
import type { Comparison } from '../../core/compare/comparison.ts';
import type { RunId } from '../../core/ids.ts';
import type { RunList } from '../runTree/runList.ts';
import type { ServiceProvider } from '../viewServices.ts';

/** Runs whose comparison is cached: a multi-file diff asks for the documents of one run many times. */
const maxCached = 8;

/** Comparisons of runs, made once and cached until the run changes. */
export class Comparisons {
  readonly #made = new LRUCache<RunId, Promise<Comparison>>({ max: maxCached });

  constructor(
    private readonly services: ServiceProvider,
    runs: RunList,
  ) {
    runs.onDidChange((changes) => {
      for (const { runId } of changes) this.#made.delete(runId);
    });
  }

  /** @throws NotFoundError where the run is gone */
  of(runId: RunId): Promise<Comparison> {
    const known = this.#made.get(runId);
    if (known !== undefined) return known;
    const made = this.services.get().then(({ forks }) => forks.compare(runId));
    this.#made.set(runId, made);
    made.catch(() => this.#made.delete(runId));
    return made;
  }
}
