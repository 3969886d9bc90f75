import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { longestPauseMs } from '../../core/run/retryPolicies.ts';
import { isAbsent } from '../fileErrors.ts';
import { writeWhole } from '../writeWhole.ts';

/** Spread over which calls leave again after a pause, so that they don't all arrive in the same moment. */
const spreadMs = 250;

/** When a pause began by the system's clock, and how long it is. No file can ask for a longer one. */
const pauseSchema = z.object({ at: z.number(), ms: z.number().positive().max(longestPauseMs) });

export interface SharedPauseDeps {
  clock: Clock;
  /** In [0, 1). */
  random: () => number;
  /** Told where the file can't be read or written: the pause holds for this process then. */
  log: (message: string, error: unknown) => void;
}

/**
 * A pause that holds for all processes which know its file. Each reads it before a call and from then on measures by its own
 * monotonic clock, so a system clock that jumps meanwhile changes nothing. Of two processes that write at once the later one
 * counts for the others; each keeps to its own.
 */
export class SharedPause {
  readonly #file: string;
  readonly #deps: SharedPauseDeps;
  /** Its end, by the monotonic clock. */
  #until = Number.NEGATIVE_INFINITY;
  /** What the file said when it was last read or written. */
  #known = '';

  constructor(file: string, deps: SharedPauseDeps) {
    this.#file = file;
    this.#deps = deps;
  }

  /**
   * Resolves when calls may leave.
   * @param onHeld told how many milliseconds are left, before each of its waits
   * @throws the signal's reason
   */
  async over(signal: AbortSignal, onHeld: (ms: number) => void = () => {}): Promise<void> {
    const { clock, random } = this.#deps;
    for (;;) {
      await this.#look();
      const left = this.#until - clock.monotonic();
      if (left <= 0) return;
      onHeld(left);
      await clock.sleep(left + random() * spreadMs, signal);
    }
  }

  /** Lets no call leave for `ms` from now on, at most for `longestPauseMs`. Never shortens a pause. */
  async extend(ms: number): Promise<void> {
    const { clock, log } = this.#deps;
    await this.#look();
    const length = Math.min(ms, longestPauseMs);
    const until = clock.monotonic() + length;
    if (until <= this.#until) return;
    this.#until = until;
    this.#known = JSON.stringify({ at: clock.now(), ms: length });
    await writeWhole(this.#file, this.#known).catch((error: unknown) =>
      log('A pause that the API asks for could not be shared with other windows.', error),
    );
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#deps;
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if (!isAbsent(error)) log('Pauses of other windows can’t be read.', error);
      return '';
    });
    if (text === this.#known || text === '') return;
    this.#known = text;
    const pause = parsePause(text);
    if (pause === null) return;
    const age = clock.now() - pause.at;
    // Begun in the future: the clock was set back since, and how much is left nobody knows. The API would ask for it again.
    if (age < 0) return;
    this.#until = Math.max(this.#until, clock.monotonic() + pause.ms - age);
  }
}

/** Null where the file is damaged. */
function parsePause(text: string): z.infer<typeof pauseSchema> | null {
  try {
    return pauseSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
