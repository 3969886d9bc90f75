import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import PQueue from 'p-queue';
import type { Clock } from '../../core/clock.ts';
import { tryLock } from '../fileLock.ts';

/** How often a full set of slots is looked at again. Calls take seconds. */
const againMs = 100;

/**
 * So many slots for calls, shared by all processes that know their folder. A slot is a lock, so that of a process that died it is
 * free again. All take the first free one: a process that was told a smaller number waits for the same slots.
 */
export class CallSlots {
  readonly #folder: string;
  readonly #count: number;
  readonly #clock: Clock;
  readonly #own = new Set<number>();
  /** One of this process's calls at a time looks for a slot, so they get theirs in the order in which they came. */
  readonly #queue = new PQueue({ concurrency: 1 });

  constructor(folder: string, count: number, clock: Clock) {
    this.#folder = folder;
    this.#count = count;
    this.#clock = clock;
  }

  /**
   * Waits for a free slot.
   * @returns gives it back
   * @throws the signal's reason, or the file system's error
   */
  take(signal: AbortSignal): Promise<() => Promise<void>> {
    return this.#queue.add(
      async () => {
        await mkdir(this.#folder, { recursive: true, mode: 0o700 });
        for (;;) {
          const leave = await this.#tryAll();
          if (leave !== null) return leave;
          await this.#clock.sleep(againMs, signal);
        }
      },
      { signal },
    );
  }

  async #tryAll(): Promise<(() => Promise<void>) | null> {
    for (let slot = 0; slot < this.#count; slot += 1) {
      if (this.#own.has(slot)) continue;
      const lock = await tryLock(path.join(this.#folder, `${slot}.lock`));
      if (lock === null) continue;
      this.#own.add(slot);
      return async () => {
        await lock.release();
        this.#own.delete(slot);
      };
    }
    return null;
  }
}
