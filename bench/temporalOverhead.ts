import { fork } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { build } from 'esbuild';
import { startMessagesApi } from '../test/support/messagesApi.ts';
import { startTestServer, type TestServer } from '../test/support/temporal.ts';
import { measurePairs } from './pairs.ts';
import { serverPidOf, TemporalSide } from './temporalSide.ts';

// What a run on Temporal costs beside the bare SDK: the same tuned dev server, the same way in (a client here, a worker
// in a process of its own), the same 50 ms call. Both are measured in turn, so that the machine's drift meets both alike.

const callMs = 50;
const counts = (process.env.COUNTS ?? '3,10,100').split(',').map(Number);
const rounds = Number(process.env.ROUNDS ?? 16);
/** Calls that either worker makes at once: what the SDK does by itself. Fewer would measure the calls, not what is around them. */
const concurrency = Number(process.env.CALLS ?? 100);
const silent = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error: console.error };

/** Starts the bare worker. @returns what runs one fan-out, and what ends the worker */
async function startBare(server: TestServer, url: string) {
  const folder = path.resolve(import.meta.dirname, `../node_modules/.cache/forkpoint-bench-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const script = path.join(folder, 'bareWorker.js');
  const bundle = path.join(folder, 'workflows.js');
  await build({
    entryPoints: [path.join(import.meta.dirname, 'temporalBareWorker.ts')],
    outfile: script,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(import.meta.dirname, 'temporalBareWorkflow.ts'),
    logger: silent,
  });
  await writeFile(bundle, code);
  const worker = fork(script, [server.address, 'bare', bundle, url, String(concurrency)], { silent: true });
  await new Promise((resolve) => worker.once('message', resolve));
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  let serial = 0;
  return {
    prepare: async (count: number) => count,
    run: async (count: number) => {
      const workflowId = `bare-${process.pid}-${++serial}`;
      const started = performance.now();
      await client.workflow.execute('bareFanOut', { workflowId, taskQueue: 'bare', args: [count] });
      return performance.now() - started;
    },
    pid: worker.pid ?? 0,
    close: async () => {
      worker.kill('SIGKILL');
      await connection.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const api = await startMessagesApi(() => ({ content: 'Done.', before: callMs, deltas: 1 }));
const server = await startTestServer();
const bare = await startBare(server, api.baseUrl);
const ours = await TemporalSide.make(server, { baseUrl: api.baseUrl, concurrency });
try {
  const sides = [
    { ...bare, pids: [process.pid, bare.pid, await serverPidOf(server)] },
    await ours.measured(server),
  ] as const;
  const rows = [];
  for (const count of counts) {
    const [bareFigures, ourFigures] = await measurePairs(sides, count, { rounds: count > 50 ? rounds / 2 : rounds });
    const events = await ours.eventsOfLast(server);
    rows.push({ count, callMs, bare: bareFigures, ours: ourFigures, events });
  }
  // One line of JSON: milliseconds. Of processors those of this process, which plays host and API, of the worker and of the server.
  console.log(JSON.stringify(rows));
} finally {
  await ours.remove();
  await bare.close();
  await server.stop();
  await api.close();
}
