import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { ForkPlan } from '../src/core/fork/forkPlan.ts';
import { foldRun } from '../src/core/run/foldRun.ts';
import { workflowIdOf } from '../src/orchestration/temporal/workflowIdOf.ts';
import { startTestServer } from '../test/support/temporal.ts';
import { startApiProcess } from './apiProcess.ts';
import { heapsOf } from './heapsOf.ts';
import { residentBytesOf } from './processUse.ts';
import { TemporalSide } from './temporalSide.ts';

// Runs that are too long for one history, as the server suggests it: one of many branches, and a replay of many turns. What counts is
// that nothing is lost and nothing asked twice, how much of history a branch takes, and that memory does not grow with the branches.

const branches = Number(process.env.BRANCHES ?? 2_000);
const turns = Number(process.env.TURNS ?? 500);
/** Ended branches at which memory is looked at. */
const looks = [0.1, 0.5, 1].map((part) => Math.round(part * branches));

const api = await startApiProcess();
const server = await startTestServer();
const side = await TemporalSide.make(server, {
  baseUrl: api.baseUrl,
  workerEnv: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
});
const connection = await Connection.connect({ address: server.address });

/** In bytes, after a garbage collection. */
interface Memory {
  ended: number;
  worker: { resident: number | null; heap: number };
  host: { resident: number | null; heap: number };
}

async function memoryAt(ended: number): Promise<Memory> {
  const { main, threads } = await heapsOf(path.join(side.home, 'temporal', 'worker.log'));
  const worker = { heap: main + threads, resident: await residentBytesOf(await side.workerPid()) };
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { ended, worker, host: { resident: rss, heap: heapUsed } };
}

/** Follows the run as a window does, and looks at memory on the way. */
async function followed(plan: ForkPlan): Promise<Memory[]> {
  const memory: Memory[] = [];
  let ended = 0;
  for await (const { type } of side.stores.runs.follow(plan.runId, new AbortController().signal)) {
    if (type === 'branch-ended' && looks.includes(++ended)) memory.push(await memoryAt(ended));
    if (type === 'run-ended') break;
  }
  return memory;
}

/** Lengths of the histories of all executions of a run. */
async function executionsOf({ runId }: ForkPlan): Promise<number[]> {
  const query = `WorkflowId = '${workflowIdOf(runId)}'`;
  const lengths = [];
  for await (const { historyLength } of new Client({ connection }).workflow.list({ query }))
    lengths.push(historyLength);
  return lengths;
}

async function measure(plan: ForkPlan) {
  const before = await api.asked();
  const started = performance.now();
  const following = followed(plan);
  await side.engine.start(plan);
  const memory = await following;
  const ms = performance.now() - started;
  const events = await side.stores.runs.events(plan.runId);
  const view = foldRun(plan, events);
  const after = await api.asked();
  // A moment after the end stands in the log the server knows it, too.
  await new Client({ connection }).workflow.getHandle(workflowIdOf(plan.runId)).result();
  const lengths = await executionsOf(plan);
  return {
    ms,
    state: view.state,
    completed: view.branches.filter(({ state }) => state === 'completed').length,
    answers: events.filter(({ type }) => type === 'step-completed').length,
    asked: after.requests - before.requests,
    different: after.different - before.different,
    executions: lengths.length,
    events: lengths.reduce((sum, length) => sum + (length ?? 0), 0),
    memory,
  };
}

try {
  // Starts the worker and loads what calls need.
  await side.run(
    await side.plan(20, { branches: Array.from({ length: 20 }, (_, index) => ({ name: `first ${index}` })) }),
  );
  const options = { timeoutSeconds: 3_000 };
  const wide = await measure(await side.plan(branches, options));
  const recorded = Array.from({ length: turns }, (_, index) => ({
    turn: index + 1,
    prompt: index === 0 ? null : [{ type: 'text', text: `prompt ${index}` }],
    calls: [],
  }));
  const replay = { ...options, kind: 'replay' as const, branches: [{ name: 'replay' }], turns: recorded };
  const long = await measure(await side.plan(1, replay));
  // One line of JSON.
  console.log(JSON.stringify({ branches, turns, wide, long }));
} finally {
  await connection.close();
  await side.remove();
  await server.stop();
  api.close();
}
