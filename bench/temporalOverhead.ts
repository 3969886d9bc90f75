import { fork } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { build } from 'esbuild';
import { createBlobStore } from '../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../src/core/blobStore.ts';
import type { ForkEngine, RunStore } from '../src/core/run/ports.ts';
import { startMessagesApi } from '../test/support/messagesApi.ts';
import { storePlan } from '../test/support/storedPlan.ts';
import { startTestServer, type TestServer, testEngine } from '../test/support/temporal.ts';
import { median } from './measure.ts';

// What a run on Temporal costs beside the bare SDK: the same tuned dev server, the same way in (a client here, a worker
// in a process of its own), the same 50 ms call. Both are measured in turn, so that the machine's drift meets both alike.

const callMs = 50;
const rounds = Number(process.env.ROUNDS ?? 15);
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
  const worker = fork(script, [server.address, 'bare', bundle, url], { silent: true });
  await new Promise((resolve) => worker.once('message', resolve));
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  let serial = 0;
  return {
    run: async (count: number) => {
      const workflowId = `bare-${process.pid}-${++serial}`;
      await client.workflow.execute('bareFanOut', { workflowId, taskQueue: 'bare', args: [count] });
    },
    close: async () => {
      worker.kill('SIGKILL');
      await connection.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a plan of `count` branches and waits until its end stands in the log. */
async function runOurs(
  engine: ForkEngine,
  stores: { runs: RunStore; blobs: BlobStore },
  count: number,
): Promise<number> {
  const branches = Array.from({ length: count }, (_, index) => ({ name: `branch ${index}` }));
  const plan = await storePlan(stores, { engine: 'temporal', branches });
  const started = performance.now();
  const stop = new AbortController();
  const ended = (async () => {
    for await (const event of stores.runs.follow(plan.runId, stop.signal)) if (event.type === 'run-ended') return;
  })();
  await engine.start(plan);
  await ended;
  stop.abort();
  return performance.now() - started;
}

async function timed(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

const api = await startMessagesApi(() => ({ content: 'Done.', before: callMs, deltas: 1 }));
const server = await startTestServer();
const bare = await startBare(server, api.baseUrl);
const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'));
const stores = { runs: createRunStore(path.join(home, 'runs')), blobs: createBlobStore(path.join(home, 'blobs')) };
const engine = testEngine({ runs: stores.runs, settings: server.settings({ home, baseUrl: api.baseUrl }) });
try {
  const rows = [];
  for (const count of [3, 10]) {
    const bareMs: number[] = [];
    const ourMs: number[] = [];
    for (let round = -3; round < rounds; round += 1) {
      const one = await timed(() => bare.run(count));
      const other = await runOurs(engine, stores, count);
      // The first rounds warm both up.
      if (round >= 0) bareMs.push(one);
      if (round >= 0) ourMs.push(other);
    }
    rows.push({ count, callMs, bareMs: median(bareMs), ourMs: median(ourMs) });
  }
  // One line of JSON: medians in milliseconds.
  console.log(JSON.stringify(rows));
} finally {
  await engine.dispose();
  await bare.close();
  await server.stop();
  await api.close();
  await rm(home, { recursive: true, force: true });
}
