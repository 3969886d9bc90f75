import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { createBlobStore } from '../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../src/adapters/runs/createRunStore.ts';
import { readWorkerRecords } from '../src/orchestration/temporal/workerRecords.ts';
import { workflowIdOf } from '../src/orchestration/temporal/workflowIdOf.ts';
import { startMessagesApi } from '../test/support/messagesApi.ts';
import { type PlanOptions, storePlan } from '../test/support/storedPlan.ts';
import { startTestServer, testEngine } from '../test/support/temporal.ts';

// Runs that are too long for one history, as the server suggests it: one of many branches, and a replay of many turns. What counts is
// how much of history and memory a branch takes.

const branches = Number(process.env.BRANCHES ?? 2_000);
const turns = Number(process.env.TURNS ?? 500);

const api = await startMessagesApi(() => ({ content: 'Done.', deltas: 1 }));
const server = await startTestServer();
const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'));
const stores = { runs: createRunStore(path.join(home, 'runs')), blobs: createBlobStore(path.join(home, 'blobs')) };
const engine = testEngine({ runs: stores.runs, settings: server.settings({ home, baseUrl: api.baseUrl }) });
const connection = await Connection.connect({ address: server.address });

/** Resident memory of the worker in MB, null where it can't be told. */
async function workerMemory(): Promise<number | null> {
  const [worker] = await readWorkerRecords({ home });
  const status = await readFile(`/proc/${worker?.pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024);
}

interface Measured {
  ms: number;
  asked: number;
  executions: number;
  events: number;
  /** Resident memory of the worker, in MB, in each execution. */
  memoryMb: (number | null)[];
}

async function measure(options: PlanOptions): Promise<Measured> {
  const plan = await storePlan(stores, { engine: 'temporal', timeoutSeconds: 3_000, ...options });
  const before = api.requests.length;
  const started = performance.now();
  await engine.start(plan);
  const handle = new Client({ connection }).workflow.getHandle(workflowIdOf(plan.runId));
  const executions = new Map<string, number>();
  const memoryMb: (number | null)[] = [];
  for (;;) {
    const { runId, status, historyLength } = await handle.describe();
    if (!executions.has(runId)) memoryMb.push(await workerMemory());
    executions.set(runId, historyLength);
    if (status.name === 'COMPLETED') break;
    if (status.name !== 'RUNNING') throw new Error(`The run is ${status.name}.`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const events = [...executions.values()].reduce((sum, length) => sum + length, 0);
  const asked = api.requests.length - before;
  return { ms: performance.now() - started, asked, executions: executions.size, events, memoryMb };
}

try {
  const wide = await measure({
    branches: Array.from({ length: branches }, (_, index) => ({ name: `branch ${index}` })),
  });
  const recorded = Array.from({ length: turns }, (_, index) => ({
    turn: index + 1,
    prompt: index === 0 ? null : [{ type: 'text', text: `prompt ${index}` }],
    calls: [],
  }));
  const long = await measure({ kind: 'replay', branches: [{ name: 'replay' }], turns: recorded });
  // One line of JSON.
  console.log(JSON.stringify({ branches, turns, wide, long }));
} finally {
  await engine.dispose();
  await connection.close();
  await server.stop();
  await api.close();
  await rm(home, { recursive: true, force: true });
}
