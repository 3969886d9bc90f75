import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { Job } from '../bench.ts';
import { mb, ms, times } from '../table.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Runs a measuring program, which imports the product's sources. @returns its last line, parsed */
export function runProgram<T>(name: string, ...args: string[]): T {
  // The sources use TypeScript that Node does not only strip but has to transform.
  const flags = ['--experimental-transform-types', '--no-warnings', '--expose-gc'];
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

interface SideFigures {
  wallMs: number;
  cpuMs: number[];
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

/** Of all processes of a side together; how long they take on a busy machine says as much of the machine. */
const cpuRatio = (ours: SideFigures, other: SideFigures) => times(sumOf(ours.cpuMs) / sumOf(other.cpuMs));

/** What a run on Temporal costs beside the bare SDK on the same server. */
export const temporalJob: Job = {
  name: 'temporal',
  run() {
    type Row = { count: number; callMs: number; events: number; bare: SideFigures; ours: SideFigures };
    const rows = runProgram<Row[]>('temporalOverhead');
    return Promise.resolve(
      rows.map(({ count, callMs, events, bare, ours }) => {
        const ratio = (ours.wallMs - callMs) / (bare.wallMs - callMs);
        return {
          job: `Temporal, ${count} branches over a ${callMs} ms call`,
          ours: `${ms(ours.wallMs)} (+ ${ms(ours.wallMs - callMs)}), ${(events / count).toFixed(1)} events each`,
          peer: `bare SDK, same server ${ms(bare.wallMs)} (+ ${ms(bare.wallMs - callMs)})`,
          ratio: `${times(ratio)} overhead, ${times(ours.wallMs / bare.wallMs)} in all, ${cpuRatio(ours, bare)} CPU`,
          goal: '≤ 1.25 ×',
          reached: ratio <= 1.25,
        };
      }),
    );
  },
};

/** What encrypted payloads and a store that other machines reach add to a run. */
export const encryptedJob: Job = {
  name: 'temporal-encrypted',
  run() {
    type Row = { count: number; callMs: number; without: SideFigures; with: SideFigures };
    const rows = runProgram<Row[]>('temporalEncrypted');
    return Promise.resolve(
      rows.map(({ count, callMs, without, with: both }) => {
        const ratio = both.wallMs / without.wallMs;
        return {
          job: `Temporal with codec and shared store, ${count} branches over a ${callMs} ms call`,
          ours: ms(both.wallMs),
          peer: `without ${ms(without.wallMs)}`,
          ratio: `${times(ratio)}, ${cpuRatio(both, without)} CPU`,
          goal: '≤ 1.2 ×',
          reached: ratio <= 1.2,
        };
      }),
    );
  },
};

interface Memory {
  resident: number | null;
  heap: number;
}

interface LongRun {
  ms: number;
  state: string;
  completed: number;
  answers: number;
  asked: number;
  different: number;
  executions: number;
  events: number;
  memory: { ended: number; worker: Memory; host: Memory }[];
}

/** Kilobytes that each branch leaves behind, between the first and the last look. */
function keptOf(memory: LongRun['memory'], of: 'worker' | 'host'): number {
  const [first, last] = [memory[0], memory.at(-1)];
  if (first === undefined || last === undefined) return Number.NaN;
  return (last[of].heap - first[of].heap) / 1_000 / (last.ended - first.ended);
}

/** Runs that go through several histories: nothing is lost or asked twice, and memory does not grow with them. */
export const temporalLongJob: Job = {
  name: 'temporal-long',
  run() {
    const { branches, turns, wide, long } = runProgram<
      Record<'branches' | 'turns', number> & Record<'wide' | 'long', LongRun>
    >('temporalLong');
    const row = (what: string, count: number, run: LongRun) => ({
      job: `Temporal, ${what}`,
      ours: `${run.state} in ${ms(run.ms)}, ${run.executions} executions`,
      peer: `${(run.events / count).toFixed(1)} events each`,
      ratio: `${run.answers} answers, ${run.asked} asked, ${run.different} different`,
      goal: `${count} of each`,
      reached: [run.answers, run.asked, run.different].every((each) => each === count),
    });
    const memory = (of: 'worker' | 'host') => ({
      job: `memory of the ${of} after ${wide.memory.map(({ ended }) => ended).join(', ')} branches`,
      ours: wide.memory.map((look) => `${mb(look[of].resident ?? Number.NaN)} (heap ${mb(look[of].heap)})`).join(', '),
      peer: '',
      ratio: `${keptOf(wide.memory, of).toFixed(1)} kB of heap a branch`,
      goal: '≤ 5 kB',
      reached: keptOf(wide.memory, of) <= 5,
    });
    return Promise.resolve([
      row(`${branches} branches`, branches, wide),
      memory('worker'),
      memory('host'),
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
