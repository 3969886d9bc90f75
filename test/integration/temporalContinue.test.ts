import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BranchPlan, ForkPlan } from '../../src/core/fork/forkPlan.ts';
import { branchIdSchema, type RunId } from '../../src/core/ids.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { BlobStore, ForkEngine, RunStore } from '../../src/core/run/ports.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import type { BranchProgress } from '../../src/orchestration/temporal/durableRun/runProgress.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from '../support/messagesApi.ts';
import { buildPlan, type PlanOptions, storePlan } from '../support/storedPlan.ts';
import { startTestServer, type TestServer, testEngine } from '../support/temporal.ts';

const promptOf = ({ body }: ReceivedRequest): string => body.messages[0].content[0].text;
const named = (...names: string[]) => names.map((name) => ({ name }));
const read = { type: 'tool_use' as const, name: 'Read', input: { file_path: '/a' } };
const recordedRead = { name: 'Read', input: { file_path: '/a' }, result: { content: 'text of a', isError: false } };
/** Steps that a branch called `walk…` takes. */
const walk = 6;
/** A run goes through several executions, each with its worker's time, on a busy machine. */
const patient = 180_000;

let server: TestServer;
let home: string;
let runs: RunStore;
let blobs: BlobStore;
let api: MessagesApi;
let client: Client;
let answer: (request: ReceivedRequest) => Reply;
const engines: ForkEngine[] = [];

beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-continue-'));
  runs = createRunStore(path.join(home, 'runs'));
  blobs = createBlobStore(path.join(home, 'blobs'));
  api = await startMessagesApi((request) => answer(request));
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
});
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
  await client?.connection.close();
  await api?.close();
  await server?.stop();
  if (home) await rm(home, { recursive: true, force: true, maxRetries: 5 });
});
beforeEach(() => {
  api.requests.splice(0);
  answer = answered;
});

function answered(request: ReceivedRequest): Reply {
  const steps = request.body.messages.filter(({ role }: { role: string }) => role === 'assistant').length;
  return promptOf(request).startsWith('walk') && steps < walk - 1
    ? { content: [read], deltas: 1 }
    : { content: 'Done.', deltas: 1 };
}

function engineThatContinues(continueAfterEvents: number): ForkEngine {
  const settings = server.settings({ home, baseUrl: api.baseUrl });
  const engine = testEngine({ runs, settings, continueAfterEvents, branchesAtOnce: 4, heartbeatMs: 2_000 });
  engines.push(engine);
  return engine;
}

const plan = (options: PlanOptions): Promise<ForkPlan> =>
  storePlan(
    { runs, blobs },
    { engine: 'temporal', turns: [{ turn: 1, prompt: null, calls: [recordedRead] }], ...options },
  );
const handleOf = (runId: RunId): WorkflowHandle => client.workflow.getHandle(workflowIdOf(runId));
const view = async (runId: RunId): Promise<RunView> => foldRun(await runs.plan(runId), await runs.events(runId));

/** Executions of the run's workflow, oldest first, by their ids. */
async function executionsOf(runId: RunId): Promise<string[]> {
  const found: { runId: string; at: number }[] = [];
  const query = `WorkflowId = "${workflowIdOf(runId)}"`;
  for await (const { runId: id, startTime } of client.workflow.list({ query })) {
    found.push({ runId: id, at: startTime.getTime() });
  }
  return found.sort((a, b) => a.at - b.at).map(({ runId: id }) => id);
}

/** Resolves when the run is in its `count`-th execution or a later one. */
async function inExecution(runId: RunId, count: number): Promise<void> {
  const seen = new Set<string>();
  await expect
    .poll(async () => seen.add((await handleOf(runId).describe()).runId).size, { timeout: patient, interval: 20 })
    .toBeGreaterThanOrEqual(count);
}

async function ended(runId: RunId): Promise<RunView> {
  const stop = new AbortController();
  for await (const event of runs.follow(runId, stop.signal)) if (event.type === 'run-ended') stop.abort();
  return view(runId);
}

/** How often each branch, and each step of one, was asked for, by prompt and number of messages. */
function asked(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const request of api.requests) {
    const key = `${promptOf(request)} ${request.body.messages.length}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const late = async (branchId: string): Promise<BranchPlan> => ({
  ...(await buildPlan(blobs, { branches: named('late') })).branches[0]!,
  branchId: branchIdSchema.parse(branchId),
});

describe('a run that is longer than a history', () => {
  it(
    'goes on in new executions, and takes updates in the middle of them',
    async () => {
      const names = Array.from({ length: 20 }, (_, index) => (index % 5 === 0 ? `walk-${index}` : `b-${index}`));
      const run = await plan({ branches: named(...names) });
      const { runId } = run;
      const engine = engineThatContinues(60);
      const started = performance.now();
      await engine.start(run);
      await inExecution(runId, 2);
      await engine.addBranch(runId, await late('b21'));
      await engine.changeLimits(runId, { timeoutSeconds: 90 });
      const order = { branchId: 'b20' };
      const cancel = () => handleOf(runId).executeUpdate('cancelBranch', { args: [order], updateId: 'cancel-once' });
      expect(await cancel()).toBe('pending');
      await inExecution(runId, 3);
      // Sent again, it is not carried out again, and nobody is told that the branch has ended.
      expect(await cancel()).toBe('pending');
      await expect(engine.cancel(runId, run.branches[19]!.branchId)).resolves.toBe(false);
      expect(await handleOf(runId).result()).toBe('cancelled');
      console.log('took', performance.now() - started);
      const after = await ended(runId);
      const executions = await executionsOf(runId);
      console.log('executions', executions.length);
      expect(executions.length).toBeGreaterThan(2);
      expect(after.branches.filter(({ state }) => state === 'completed')).toHaveLength(20);
      expect([...asked().values()].filter((times) => times !== 1)).toEqual([]);
      expect(api.requests).toHaveLength(20 + 4 * (walk - 1));
      const events: BranchEvent[] = await runs.events(runId);
      const startedOnce = events.filter(({ type }) => type === 'branch-started');
      expect(startedOnce).toHaveLength(20);
      expect(events.filter(({ type }) => type === 'run-started')).toHaveLength(1);
      const progress = await handleOf(runId).query<Record<string, BranchProgress>>('progress');
      expect(Object.keys(progress)).toHaveLength(21);
      expect(progress['b1']).toMatchObject({ state: 'completed', steps: walk });
      expect(progress['b20']).toMatchObject({ state: 'cancelled', steps: 0 });
      expect(await runs.plan(runId)).toMatchObject({ timeoutSeconds: 90 });
      const { memo, searchAttributes } = await handleOf(runId).describe();
      expect(memo).toMatchObject({ run: runId });
      expect(searchAttributes).toMatchObject({ ForkpointSession: ['session-1'], ForkpointState: ['cancelled'] });
    },
    patient,
  );
});
