import type { KnownCut } from '../../../core/fork/knownCuts.ts';
import type { StepOutline, TurnOutline } from '../../../core/session/recordedSession.ts';
import type { FileStamp } from '../../fileStamp.ts';
import { changedWhileRead, type StoredEntry } from '../lineSource.ts';
import type { Outlines, Part } from './outlineIndex.ts';
import { partOf } from './partOf.ts';

/** Some of a session's turns. */
interface StoredOutlines {
  state: FileStamp;
  turns: Omit<TurnOutline, 'steps'>[];
}

/**
 * The steps of some turns, where the records stand that hold what these turns say (their prompts, replies and results), and
 * what is known of the cuts before them.
 */
interface StoredSteps {
  state: FileStamp;
  steps: StepOutline[][];
  records: RecordPlace[][];
  cuts: (KnownCut | null)[];
}

type RecordPlace = readonly [line: number, start: number, length: number];

/** All of them in one part would be as large as all of them once more. */
const turnsAtOnce = 128;
/** Three quarters of what is known of turns are their steps, and most questions are about a few turns. */
const stepsAtOnce = 32;

/**
 * @param records of each turn, those that hold what it says
 * @returns yields what is to be cached of turns, in parts
 */
export function* partsOfTurns(
  turns: readonly TurnOutline[],
  records: readonly (readonly StoredEntry[])[],
  cuts: readonly (KnownCut | null)[],
  state: FileStamp,
): Generator<Part, void> {
  for (let at = 0; at < turns.length; at += turnsAtOnce) {
    const some = turns.slice(at, at + turnsAtOnce).map(({ steps: _steps, ...turn }) => turn);
    yield [`turns ${at}`, { state, turns: some } satisfies StoredOutlines, 'json'];
  }
  for (let at = 0; at < turns.length; at += stepsAtOnce) {
    const part: StoredSteps = {
      state,
      steps: turns.slice(at, at + stepsAtOnce).map(({ steps }) => steps),
      records: records
        .slice(at, at + stepsAtOnce)
        .map((entries) => entries.map(({ line, place }) => [line, place.start, place.length])),
      cuts: cuts.slice(at, at + stepsAtOnce),
    };
    yield [`steps ${at}`, part, 'json'];
  }
}

/** Place of the first turn whose steps are stored together with those of that one. */
function partWith(index: number): number {
  return index - 1 - ((index - 1) % stepsAtOnce);
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
  readonly #state: FileStamp;
  #turns: readonly TurnOutline[] = [];
  /** What was read with steps, by the place of the first turn. */
  readonly #known = new Map<number, Pick<StoredSteps, 'records' | 'cuts'>>();

  constructor(outlines: Outlines, file: string, state: FileStamp) {
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
      const part = partOf<StoredOutlines>(this.#outlines, this.#file, `turns ${turns.length}`, this.#state);
      if (part === null) return null;
      const some = part.turns as TurnOutline[];
      for (const turn of some) Object.defineProperties(turn, members);
      turns.push(...some);
    }
    this.#turns = turns;
    return turns;
  }

  /** The steps of a turn; those of its neighbours, which are stored with them, are put in their places, too. */
  readSteps({ index }: TurnOutline): StepOutline[] {
    const at = partWith(index);
    const { steps, records, cuts } = this.#stepsFrom(at);
    this.#known.set(at, { records, cuts });
    for (const [place, value] of steps.entries()) {
      const turn = this.#turns[at + place];
      if (turn !== undefined)
        Object.defineProperty(turn, 'steps', { enumerable: true, configurable: true, writable: true, value });
    }
    return steps[index - 1 - at] ?? [];
  }

  /** Where the records stand that hold what a turn says. */
  recordsOf({ index }: TurnOutline): readonly RecordPlace[] {
    return this.#knownOf(index).records[index - 1 - partWith(index)] ?? [];
  }

  /** What is known of the cut before a turn's prompt. */
  cutBefore({ index }: TurnOutline): KnownCut | null {
    return this.#knownOf(index).cuts[index - 1 - partWith(index)] ?? null;
  }

  #knownOf(index: number): Pick<StoredSteps, 'records' | 'cuts'> {
    const at = partWith(index);
    return this.#known.get(at) ?? this.#stepsFrom(at);
  }

  /** @throws NotFoundError where they are no longer stored */
  #stepsFrom(at: number): StoredSteps {
    const part = partOf<StoredSteps>(this.#outlines, this.#file, `steps ${at}`, this.#state);
    if (part === null) throw changedWhileRead(this.#file);
    return part;
  }
}
