import { utimes } from 'node:fs/promises';

/** As often, in milliseconds, as it can be seen. */
const everyMs = 100;

/** Sets a run's folder's own time, by which watchers of the whole store see which run grew, without a watch on every run. */
export async function touchFolder(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now);
}

/** The same, not too often. */
export class FolderTouch {
  readonly #folder: string;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isDue = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** At once, or where that was a moment ago, once for all that comes in between. @throws what the file system throws at once */
  async soon(): Promise<void> {
    const waitMs = this.#lastAt + everyMs - performance.now();
    if (waitMs <= 0) return this.#touch();
    if (this.#isDue) return;
    this.#isDue = true;
    // A folder that is gone since has nobody who watches it.
    setTimeout(() => void this.#touch().catch(() => {}), waitMs);
  }

  async #touch(): Promise<void> {
    this.#isDue = false;
    this.#lastAt = performance.now();
    await touchFolder(this.#folder);
  }
}
