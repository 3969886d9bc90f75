import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** One whole process: wall time in milliseconds from start to end, peak memory in bytes, what it printed. */
export interface ProcessRun {
  wallMs: number;
  peakBytes: number;
  stdout: string;
}

const rssHook = fileURLToPath(new URL('./reportPeakMemory.mjs', import.meta.url));

/** Runs a Node program as a process of its own and measures it. @throws where it exits with anything but 0 */
export async function runNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<ProcessRun> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', rssHook, ...args], {
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  let stdout = '';
  let report = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stdio[3]?.on('data', (data: Buffer) => (report += data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return { wallMs: performance.now() - started, peakBytes: Number(report) * 1024, stdout };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Runs the jobs in turn, A B A B …, so that a machine that slows down slows both. The first round warms up and is not counted. */
export async function alternate<T>(rounds: number, jobs: readonly (() => Promise<T>)[]): Promise<T[][]> {
  const results: T[][] = jobs.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [index, job] of jobs.entries()) {
      const result = await job();
      if (round > 0) results[index]?.push(result);
    }
  }
  return results;
}

/** A row of the table that `npm run bench` prints. */
export interface BenchRow {
  job: string;
  ours: string;
  peer: string;
  /** Ours divided by the peer's, or the figure that the goal is about. */
  ratio: string;
  goal: string;
  reached: boolean | null;
}

export const ms = (value: number) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`);
export const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
export const times = (ratio: number) => `${ratio.toFixed(ratio < 0.1 ? 3 : 2)} ×`;
