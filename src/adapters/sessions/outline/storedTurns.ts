import type { StepOutline, TurnOutline } from '../../../core/session/recordedSession.ts';
import { parseJsonBytes } from '../../parseJsonBytes.ts';
import { changedWhileRead } from '../lineSource.ts';
import type { ScannedState } from '../scannedState.ts';
import type { Outlines, Part } from './outlineIndex.ts';
import { partOf } from './partOf.ts';

/** Some of a session's turns without their steps, or the steps of some, as JSON, which is read faster than what `node:v8` writes. */
interface StoredJson {
  state: ScannedState;
  json: Uint8Array;
}

/** All of them in one part would be as large as all of them once more. */
const turnsAtOnce = 256;
/** Three quarters of what is known of turns are their steps, and most questions are about a few turns. */
const stepsAtOnce = 128;

/** @returns yields what is to be remembered of turns, in parts */
export function* partsOfTurns(turns: readonly TurnOutline[], state: ScannedState): Generator<Part, void> {
  for (let at = 0; at < turns.length; at += turnsAtOnce) {
    // What stands for the steps keeps their place among the members.
    const some = turns.slice(at, at + turnsAtOnce).map((turn) => ({ ...turn, steps: null }));
    yield [`turns ${at}`, stored(some, state)];
  }
  for (let at = 0; at < turns.length; at += stepsAtOnce) {
    const some = turns.slice(at, at + stepsAtOnce).map(({ steps }) => steps);
    yield [`steps ${at}`, stored(some, state)];
  }
}

function stored(items: readonly unknown[], state: ScannedState): StoredJson {
  return { state, json: Buffer.from(JSON.stringify(items)) };
}

/** The turns that another process has stored of one state of a file. Their steps are read when they are first looked at. */
export class StoredTurns {
  readonly #outlines: Outlines;
  readonly #file: string;
  readonly #state: ScannedState;

  constructor(outlines: Outlines, file: string, state: ScannedState) {
    this.#outlines = outlines;
    this.#file = file;
    this.#state = state;
  }

  /**
   * Null where they are not known. Where only the steps no longer are, looking at them throws NotFoundError.
   * @param count how many there are
   */
  all(count: number): TurnOutline[] | null {
    const turns: TurnOutline[] = [];
    while (turns.length < count) {
      const some = this.#part<TurnOutline>(`turns ${turns.length}`);
      if (some === null) return null;
      turns.push(...some);
    }
    for (let at = 0; at < count; at += stepsAtOnce) this.#addSteps(turns.slice(at, at + stepsAtOnce), at);
    return turns;
  }

  /** As members of their own, so that turns are copied and sent with them. */
  #addSteps(turns: readonly TurnOutline[], at: number): void {
    const member = { enumerable: true, configurable: true };
    const read = () => {
      const steps = this.#part<StepOutline[]>(`steps ${at}`);
      if (steps === null) throw changedWhileRead(this.#file);
      for (const [place, turn] of turns.entries())
        Object.defineProperty(turn, 'steps', { ...member, writable: true, value: steps[place] });
    };
    const get = function (this: TurnOutline): StepOutline[] {
      read();
      return this.steps;
    };
    for (const turn of turns) Object.defineProperty(turn, 'steps', { ...member, get });
  }

  #part<Item>(name: string): Item[] | null {
    const part = partOf<StoredJson>(this.#outlines, this.#file, name, this.#state);
    return part === null ? null : (parseJsonBytes(part.json) as Item[]);
  }
}
