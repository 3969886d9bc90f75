import path from 'node:path';
import type { BenchRow } from './table.ts';

/** What a job has to work with. */
export interface Bench {
  /** Counted rounds of every measurement. */
  rounds: number;
  /** Of the corpora: 1, or less for a quick look. */
  scale: number;
  /** The built command line. */
  cli: string;
  /** Entry point of the Agent SDK. */
  sdk: string;
  /** A scratch folder of this run, also HOME of everything that runs. */
  scratch: string;
  /** Absolute path of a bundled program of `bench/programs`. */
  program(name: string): string;
  /** Environment of a measured process: scratch HOME, our own data in `home` below it. */
  env(claudeDir: string, home?: string): Record<string, string>;
}

/** One thing that is measured. */
export interface Job {
  /** As it is named on the command line. */
  name: string;
  run(bench: Bench): Promise<BenchRow[]>;
}

/** Absolute path of a peer's program. */
export function peerProgram(name: string): string {
  return path.join(import.meta.dirname, 'peers', `${name}.mjs`);
}
