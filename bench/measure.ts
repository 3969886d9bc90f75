import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One whole process: wall time in milliseconds from start to end, what it printed. */
export interface ProcessRun {
  wallMs: number;
  /** Peak resident memory; null where it was not measured. */
  peakBytes: number | null;
  /** What the program measured inside itself, after its imports; null where it doesn't. */
  callMs: number | null;
  stdout: string;
}

const rssHook = fileURLToPath(new URL('./reportPeakMemory.mjs', import.meta.url));

/**
 * Runs a Node program as a process of its own and measures it. Where the last line it prints is JSON with `callMs`, that is
 * taken over.
 * @param memory whether the peak is measured, which costs each of the program's threads a moment
 * @throws Error where it exits with anything but 0
 */
export async function runNode(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  memory = false,
): Promise<ProcessRun> {
  const run = await runProcess(process.execPath, [...(memory ? ['--import', rssHook] : []), ...args], env);
  const { wallMs, stdout, report } = run;
  return { wallMs, stdout, peakBytes: memory ? Number(report) * 1024 : null, callMs: callMsIn(stdout) };
}

/** Runs any other program. @throws Error where it exits with anything but 0 */
export async function runCommand(file: string, args: readonly string[]): Promise<ProcessRun> {
  const { wallMs, stdout } = await runProcess(file, args, {});
  return { wallMs, stdout, peakBytes: null, callMs: null };
}

async function runProcess(file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const started = performance.now();
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const printed: Buffer[] = [];
  let report = '';
  child.stdout?.on('data', (data: Buffer) => printed.push(data));
  child.stdio[3]?.on('data', (data: Buffer) => (report += data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const wallMs = performance.now() - started;
  if (code !== 0) throw new Error(`${file} ${args.slice(0, 8).join(' ')} ended with ${code}`);
  return { wallMs, stdout: Buffer.concat(printed).toString(), report };
}

function callMsIn(stdout: string): number | null {
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  if (!last.startsWith('{"callMs":')) return null;
  return (JSON.parse(last) as { callMs: number }).callMs;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/**
 * Runs the jobs in turn, A B A B …, so that a machine that slows down slows both.
 * @param jobs are told the number of the round; round 0 warms up, and its result comes first
 */
export async function alternate<T>(rounds: number, jobs: readonly ((round: number) => Promise<T>)[]): Promise<T[][]> {
  const results: T[][] = jobs.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, job] of jobs.entries()) results[index]?.push(await job(round));
  }
  return results;
}

/** Medians of some runs of one program. */
export interface Figures {
  wallMs: number;
  peakBytes: number | null;
  callMs: number | null;
  /** What the last run printed. */
  stdout: string;
}

/**
 * Runs programs beside each other, each as often as the others. The first run of each warms up and measures the memory, the
 * others the time.
 * @param jobs are told whether to measure memory
 * @returns medians in the order of the jobs
 */
export async function beside<const J extends readonly ((memory: boolean) => Promise<ProcessRun>)[]>(
  rounds: number,
  jobs: J,
): Promise<{ [K in keyof J]: Figures }> {
  const results = await alternate(
    rounds,
    jobs.map((job) => (round: number) => job(round === 0)),
  );
  const figures = results.map(([first, ...runs]) => ({
    wallMs: median(runs.map(({ wallMs }) => wallMs)),
    peakBytes: first?.peakBytes ?? null,
    callMs: medianOrNull(runs.map(({ callMs }) => callMs)),
    stdout: runs.at(-1)?.stdout ?? '',
  }));
  return figures as { [K in keyof J]: Figures };
}

function medianOrNull(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : median(numbers);
}
