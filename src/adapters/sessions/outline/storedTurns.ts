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
const turnsAtOnce = 128;
/** Three quarters of what is known of turns are their steps, and most questions are about a few turns. */
const stepsAtOnce = 32;

/** @returns yields what is to be remembered of turns, in parts */
export function* partsOfTurns(turns: readonly TurnOutline[], state: ScannedState): Generator<Part, void> {
  for (let at = 0; at < turns.length; at += turnsAtOnce) {
    const some = turns.slice(at, at + turnsAtOnce).map(({ steps: _steps, ...turn }) => turn);
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

const source = Symbol('StoredTurns');

interface StoredTurn extends TurnOutline {
  [source]: { readSteps(turn: TurnOutline): StepOutline[] };
}

/**
 * Of all turns the same function: an object whose getter is like that of others of its kind takes half the memory of one with a
 * getter of its own.
 */
function readSteps(this: StoredTurn): StepOutline[] {
  return this[source].readSteps(this);
}

/** The turns that another process has stored of one state of a file. Their steps are read when they are first looked at. */
export class StoredTurns {
  readonly #outlines: Outlines;
  readonly #file: string;
  readonly #state: ScannedState;
  #turns: readonly TurnOutline[] = [];

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
    // Members of each turn's own, so that turns are copied and sent with their steps.
    const members = { [source]: { value: this }, steps: { enumerable: true, configurable: true, get: readSteps } };
    while (turns.length < count) {
      const some = this.#part<TurnOutline>(`turns ${turns.length}`);
      if (some === null) return null;
      for (const turn of some) Object.defineProperties(turn, members);
      turns.push(...some);
    }
    this.#turns = turns;
    return turns;
  }

  /** The steps of a turn; those of its neighbours, which are stored with them, are put in their places, too. */
  readSteps({ index }: TurnOutline): StepOutline[] {
    const at = index - 1 - ((index - 1) % stepsAtOnce);
    const steps = this.#part<StepOutline[]>(`steps ${at}`);
    if (steps === null) throw changedWhileRead(this.#file);
    for (const [place, value] of steps.entries()) {
      const turn = this.#turns[at + place];
      if (turn !== undefined)
        Object.defineProperty(turn, 'steps', { enumerable: true, configurable: true, writable: true, value });
    }
    return steps[index - 1 - at] ?? [];
  }

  #part<Item>(name: string): Item[] | null {
    const part = partOf<StoredJson>(this.#outlines, this.#file, name, this.#state);
    return part === null ? null : (parseJsonBytes(part.json) as Item[]);
  }
}
