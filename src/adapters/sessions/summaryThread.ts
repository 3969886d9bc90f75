import { parentPort, workerData } from 'node:worker_threads';
import { summarizeSome } from './summarizeSome.ts';

const { files, next } = workerData as { files: string[]; next: Int32Array };
for await (const some of summarizeSome(files, next)) parentPort?.postMessage(some);
