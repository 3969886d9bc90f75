import { median } from './measure.ts';
import { cpuSecondsOf } from './processUse.ts';

/** What does the same as another one, in some processes. */
export interface Side {
  /** All that work for it, this one included. */
  pids: readonly number[];
  /** @returns milliseconds */
  run(count: number): Promise<number>;
}

/** Medians of some rounds, in milliseconds. */
export interface SideFigures {
  wallMs: number;
  /** Of processors, by process, in the order of the side's; null where it can't be told. */
  cpuMs: (number | null)[];
}

/** Measures two sides in turn, so that the machine's drift meets both alike. */
export async function measurePairs<const S extends readonly Side[]>(
  sides: S,
  count: number,
  { rounds, warmUp = 2 }: { rounds: number; warmUp?: number },
): Promise<{ [K in keyof S]: SideFigures }> {
  const walls: number[][] = sides.map(() => []);
  const before: (number | null)[][] = [];
  const used: number[][][] = sides.map(({ pids }) => pids.map(() => []));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [index, side] of sides.entries()) {
      before[index] = await cpuOf(side);
      const wall = await side.run(count);
      if (round < 0) continue;
      walls[index]?.push(wall);
      for (const [at, seconds] of (await cpuOf(side)).entries()) {
        const since = before[index][at];
        used[index]?.[at]?.push(seconds === null || since == null ? Number.NaN : (seconds - since) * 1_000);
      }
    }
  }
  const figures = sides.map((_, index) => ({
    wallMs: median(walls[index] ?? []),
    // Counted in ticks of ten milliseconds: a mean of the rounds says more than a median.
    cpuMs: (used[index] ?? []).map(meanOrNull),
  }));
  return figures as { [K in keyof S]: SideFigures };
}

function cpuOf({ pids }: Side): Promise<(number | null)[]> {
  return Promise.all(pids.map(cpuSecondsOf));
}

function meanOrNull(values: readonly number[]): number | null {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Number.isNaN(mean) ? null : mean;
}
