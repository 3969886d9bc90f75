import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import type { Disposable } from '../../../core/disposable.ts';

/** `fs.watch`, as far as it is used. */
export type WatchSystem = (
  folder: string,
  options: { persistent: false },
  listener: (event: string, name: string | null) => void,
) => Pick<FSWatcher, 'on' | 'close'>;

export const systemWatch: WatchSystem = (folder, options, listener) => watch(folder, options, listener);

/** How soon another folder is looked for where one was removed or moved away. */
const againMs = 120;
/** Where the system reports nothing a folder is looked at this often. */
const pollMs = 500;
/** A poll may take a tenth of the time: a folder of 10,000 files is looked at less often. */
const restFactor = 9;

/**
 * Tells of what happens in one folder, not below it. Where the system can't watch it (no watches or handles left, a
 * network folder) it is polled, until it can.
 */
export class FolderWatch implements Disposable {
  readonly #folder: string;
  readonly #told: (name: string | null) => void;
  readonly #poll: () => Promise<void>;
  readonly #system: WatchSystem | null;
  #watcher: Pick<FSWatcher, 'on' | 'close'> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #disposed = false;

  /**
   * @param told the name of an entry that something happened to; null where the system doesn't say which
   * @param poll looks at everything in the folder; must not throw
   * @param system null where it is known to report nothing for this folder
   */
  constructor(
    folder: string,
    told: (name: string | null) => void,
    poll: () => Promise<void>,
    system: WatchSystem | null,
  ) {
    this.#folder = folder;
    this.#told = told;
    this.#poll = poll;
    this.#system = system;
    if (!this.#arm()) this.#pollSoon(pollMs);
  }

  /** Stops; nothing is told any more. */
  dispose(): void {
    this.#disposed = true;
    this.#close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Watches through the system, if it can. */
  #arm(): boolean {
    if (this.#system === null) return false;
    try {
      this.#watcher = this.#system(this.#folder, { persistent: false }, (_event, name) => {
        // The name of the folder itself: it was removed or moved, and what is made in its place would not be watched.
        if (name === basename(this.#folder)) this.#beginAnew(againMs);
        else this.#told(name);
      });
      this.#watcher.on('error', () => this.#beginAnew(pollMs));
      return true;
    } catch {
      return false;
    }
  }

  #beginAnew(ms: number): void {
    this.#close();
    this.#pollSoon(ms);
  }

  #close(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #pollSoon(ms: number): void {
    if (this.#disposed || this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.#lookAround(), ms).unref();
  }

  async #lookAround(): Promise<void> {
    // Armed before the look, so that nothing falls between the last poll and the first event.
    if (this.#watcher === null) this.#arm();
    const started = performance.now();
    await this.#poll();
    this.#timer = null;
    // It may have failed again meanwhile.
    if (this.#watcher === null) this.#pollSoon(Math.max(pollMs, (performance.now() - started) * restFactor));
  }
}
