import { parentPort } from 'node:worker_threads';
import type { FilePiece } from './fileSearcher.ts';
import { runPlans } from './runPlans.ts';

/** What a thread is given. */
export interface ScanTask {
  plans: { file: string; pieces: FilePiece[] }[];
  text: string;
  /** Position of the next plan; threads share it. */
  next: Int32Array;
}

const { plans, text, next } = await new Promise<ScanTask>((resolve) => parentPort?.once('message', resolve));
const results = runPlans(
  plans,
  text,
  () => Atomics.add(next, 0, 1),
  () => false,
);
for await (const result of results) parentPort?.postMessage(result);
