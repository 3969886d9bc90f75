import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Job } from '../bench.ts';
import { ms, times } from '../table.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Runs a measuring program, which imports the product's sources. @returns its last line, parsed */
export function runProgram<T>(name: string, ...args: string[]): T {
  // The sources use TypeScript that Node does not only strip but has to transform.
  const flags = ['--experimental-transform-types', '--no-warnings'];
  const program = path.join(root, 'bench', `${name}.ts`);
  const output = execFileSync(process.execPath, [...flags, program, ...args], { encoding: 'utf8', cwd: root });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as T;
}

/** What a run in this process costs beside the bare calls. */
export const inProcessJob: Job = {
  name: 'in-process',
  run() {
    const { bareMs, ourMs } = runProgram<{ bareMs: number; ourMs: number }>('inProcessOverhead');
    const row = {
      job: 'in-process, 3 branches over a 50 ms call',
      ours: ms(ourMs),
      peer: `the bare calls ${ms(bareMs)}`,
      ratio: `+ ${ms(ourMs - bareMs)}`,
      goal: '≤ + 10 ms',
      reached: ourMs - bareMs <= 10,
    };
    return Promise.resolve([row]);
  },
};

/** What a run on Temporal costs beside the bare SDK on the same server. */
export const temporalJob: Job = {
  name: 'temporal',
  run() {
    const rows = runProgram<{ count: number; callMs: number; bareMs: number; ourMs: number }[]>('temporalOverhead');
    return Promise.resolve(
      rows.map(({ count, callMs, bareMs, ourMs }) => {
        const ratio = (ourMs - callMs) / (bareMs - callMs);
        return {
          job: `Temporal, ${count} branches over a ${callMs} ms call`,
          ours: `${ms(ourMs)} (+ ${ms(ourMs - callMs)})`,
          peer: `bare SDK, same server ${ms(bareMs)} (+ ${ms(bareMs - callMs)})`,
          ratio: `${times(ratio)} overhead, ${times(ourMs / bareMs)} in all`,
          goal: '≤ 1.25 ×',
          reached: ratio <= 1.25,
        };
      }),
    );
  },
};

interface LongRun {
  ms: number;
  asked: number;
  executions: number;
  events: number;
  memoryMb: (number | null)[];
}

/** Runs that go through several histories: nothing is asked twice, and memory does not grow with them. */
export const temporalLongJob: Job = {
  name: 'temporal-long',
  run() {
    const { branches, turns, wide, long } = runProgram<
      Record<'branches' | 'turns', number> & Record<'wide' | 'long', LongRun>
    >('temporalLong');
    const row = (what: string, count: number, { ms: took, asked, executions, events, memoryMb }: LongRun) => ({
      job: `Temporal, ${what}`,
      ours: `${ms(took)}, ${executions} executions, worker ${memoryMb.join(', ')} MB`,
      peer: `${(events / count).toFixed(1)} events each`,
      ratio: `${asked} asked`,
      goal: `${count} asked`,
      reached: asked === count,
    });
    return Promise.resolve([
      row(`${branches} branches`, branches, wide),
      row(`a replay of ${turns} turns`, turns, long),
    ]);
  },
};

/** One run over more and more workers of other machines. */
export const workersJob: Job = {
  name: 'workers',
  run() {
    const rows = runProgram<{ workers: number; count: number; callMs: number; ms: number }[]>('temporalWorkers');
    const alone = rows[0]?.ms ?? Number.NaN;
    return Promise.resolve(
      rows.map(({ workers, count, callMs, ms: took }) => ({
        job: `Temporal, ${count} branches over a ${callMs} ms call, ${workers} ${workers === 1 ? 'worker' : 'workers'} elsewhere`,
        ours: `${ms(took)}, ${((count * 1_000) / took).toFixed(1)} branches a second`,
        peer: `one worker ${ms(alone)}`,
        ratio: times(alone / took),
        goal: workers === 1 ? '' : 'faster than one',
        reached: workers === 1 || took < alone,
      })),
    );
  },
};
