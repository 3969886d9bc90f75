import type * as vscode from 'vscode';
import type { IndexProgress, SessionSearch } from '../../core/search/sessionSearch.ts';

type Listener = (progress: IndexProgress | null) => void;

/** Keeps the search index up to date in the background, from the first search on. */
export class SearchIndexing implements vscode.Disposable {
  readonly #listeners = new Set<Listener>();
  readonly #onError: (message: string, error: unknown) => void;
  #progress: IndexProgress | null = null;
  #running: SessionSearch | null = null;
  #disposed = false;

  constructor(onError: (message: string, error: unknown) => void) {
    this.#onError = onError;
  }

  /** Starts an update, unless one runs. */
  update(search: SessionSearch): void {
    if (this.#running === search) return;
    this.#running = search;
    this.#run(search)
      .catch((error: unknown) => this.#onError('The search index could not be updated.', error))
      .finally(() => {
        if (this.#running !== search) return;
        this.#running = null;
        this.#tell(null);
      });
  }

  async #run(search: SessionSearch): Promise<void> {
    for await (const progress of search.updateIndex()) {
      // Another folder is searched by now, or nobody any more.
      if (this.#disposed || this.#running !== search) return;
      this.#tell(progress.indexed < progress.files ? progress : null);
    }
  }

  /** Calls back at once and whenever it gets on; null = complete. */
  onProgress(listener: Listener): vscode.Disposable {
    this.#listeners.add(listener);
    listener(this.#progress);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  #tell(progress: IndexProgress | null): void {
    this.#progress = progress;
    for (const listener of this.#listeners) listener(progress);
  }

  dispose(): void {
    this.#disposed = true;
    this.#listeners.clear();
  }
}
