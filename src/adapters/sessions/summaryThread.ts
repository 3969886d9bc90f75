import { parentPort } from 'node:worker_threads';
import { type SummaryTask, summarizeSome } from './summarizeSome.ts';

const { files, next } = await new Promise<SummaryTask>((resolve) => parentPort?.once('message', resolve));
for await (const some of summarizeSome(files, next)) parentPort?.postMessage(some);
