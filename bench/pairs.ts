import { median } from './measure.ts';
import { cpuSecondsOf } from './processUse.ts';

/** What does the same as another one, in some processes. */
export interface Side<T> {
  /** All that work for it, this one included. */
  pids: readonly number[];
  /** Not measured. */
  prepare(count: number): Promise<T>;
  /** @returns milliseconds */
  run(prepared: T): Promise<number>;
}

/** Medians of some rounds, in milliseconds. */
export interface SideFigures {
  wallMs: number;
  /** Of processors, by process, in the order of the side's; NaN where it can't be told. */
  cpuMs: number[];
}

/** Measures two sides in turn, so that the machine's drift meets both alike. */
export async function measurePairs<A, B>(
  sides: readonly [Side<A>, Side<B>],
  count: number,
  options: { rounds: number; warmUp?: number },
): Promise<[SideFigures, SideFigures]> {
  const [one, other] = [new Measured(sides[0]), new Measured(sides[1])];
  const { rounds, warmUp = 2 } = options;
  for (let round = -warmUp; round < rounds; round += 1) {
    await one.round(count, round >= 0);
    await other.round(count, round >= 0);
  }
  return [one.figures(), other.figures()];
}

class Measured<T> {
  readonly #side: Side<T>;
  readonly #walls: number[] = [];
  readonly #cpu: number[][];

  constructor(side: Side<T>) {
    this.#side = side;
    this.#cpu = side.pids.map(() => []);
  }

  async round(count: number, counts: boolean): Promise<void> {
    const prepared = await this.#side.prepare(count);
    const before = await this.#used();
    const wall = await this.#side.run(prepared);
    const after = await this.#used();
    if (!counts) return;
    this.#walls.push(wall);
    for (const [at, each] of this.#cpu.entries()) each.push(((after[at] ?? 0) - (before[at] ?? 0)) * 1_000);
  }

  figures(): SideFigures {
    // Counted in ticks of ten milliseconds: a mean of the rounds says more than a median.
    return { wallMs: median(this.#walls), cpuMs: this.#cpu.map(mean) };
  }

  #used(): Promise<number[]> {
    return Promise.all(this.#side.pids.map(cpuSecondsOf));
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
