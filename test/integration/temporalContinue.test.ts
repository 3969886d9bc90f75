import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { BranchPlan, ForkPlan } from '../../src/core/fork/forkPlan.ts';
import { branchIdSchema, type RunId } from '../../src/core/ids.ts';
import { branchesToRun, foldRun } from '../../src/core/run/foldRun.ts';
import type { ForkEngine, RunStore } from '../../src/core/run/ports.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import type { BranchProgress } from '../../src/orchestration/temporal/durableRun/runProgress.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from '../support/messagesApi.ts';
import { buildPlan, type PlanOptions, storePlan } from '../support/storedPlan.ts';
import { killWorkers, startTestServer, type TestServer, testEngine } from '../support/temporal.ts';

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
let engine: ForkEngine;

beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-continue-'));
  runs = createRunStore(path.join(home, 'runs'));
  blobs = createBlobStore(path.join(home, 'blobs'));
  api = await startMessagesApi((request) => answer(request));
  const settings = server.settings({ home, baseUrl: api.baseUrl });
  engine = testEngine({ runs, settings, continueAfterEvents: 60, branchesAtOnce: 4, heartbeatMs: 10_000 });
  client = new Client({ connection: await Connection.connect({ address: server.address }) });
});
afterAll(async () => {
  await engine?.dispose();
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

const plan = (options: PlanOptions): Promise<ForkPlan> =>
  storePlan(
    { runs, blobs },
    { engine: 'temporal', turns: [{ turn: 1, prompt: null, calls: [recordedRead] }], ...options },
  );
const handleOf = (runId: RunId): WorkflowHandle => client.workflow.getHandle(workflowIdOf(runId));
const view = async (runId: RunId): Promise<RunView> => foldRun(await runs.plan(runId), await runs.events(runId));

/** Executions of each run's workflow that were seen, by their ids. */
const executions = new Map<RunId, Set<string>>();

/** Resolves when the run has been in so many executions. */
async function inExecution(runId: RunId, count: number): Promise<void> {
  const seen = executions.get(runId) ?? new Set();
  executions.set(runId, seen);
  const look = async () => seen.add((await handleOf(runId).describe()).runId).size;
  await expect.poll(look, { timeout: patient, interval: 20 }).toBeGreaterThanOrEqual(count);
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
      const last = Promise.withResolvers<void>();
      answer = (request) =>
        promptOf(request) === 'late' ? { content: 'Done.', before: last.promise } : answered(request);
      const run = await plan({ branches: named(...names), budgetUsd: 5 });
      const { runId } = run;
      await engine.start(run);
      await inExecution(runId, 2);
      await engine.changeLimits(runId, { timeoutSeconds: 90 });
      const given: { args: [unknown]; updateId: string } = { args: [{ branchId: 'b20' }], updateId: 'cancel-once' };
      const cancel = () => handleOf(runId).executeUpdate<string, [unknown]>('cancelBranch', given);
      expect(await cancel()).toBe('pending');
      await inExecution(runId, 3);
      await engine.addBranch(runId, await late('b21'));
      // Sent again, it is not carried out again, and nobody is told that the branch has ended.
      expect(await cancel()).toBe('pending');
      last.resolve();
      expect(await handleOf(runId).result()).toBe('cancelled');

      const after = await ended(runId);
      expect(after.branches.map(({ state }) => state)).toEqual(
        Array.from({ length: 21 }, (_, index) => (index === 19 ? 'cancelled' : 'completed')),
      );
      expect([...asked().values()].filter((times) => times !== 1)).toEqual([]);
      expect(api.requests).toHaveLength(20 + 4 * (walk - 1));
      const events = await runs.events(runId);
      // A task of the workflow that is done again may write an event again, which counts once.
      const begun = events.flatMap((event) => (event.type === 'branch-started' ? [event.branchId] : []));
      expect(new Set(begun).size).toBe(20);
      expect(begun).not.toContain('b20');
      expect(await runs.plan(runId)).toMatchObject({ timeoutSeconds: 90 });
      const progress = await handleOf(runId).query<Record<string, BranchProgress>>('progress');
      expect(Object.keys(progress)).toHaveLength(21);
      expect(progress['b1']).toMatchObject({ state: 'completed', steps: walk });
      expect(progress['b20']).toMatchObject({ state: 'cancelled', steps: 0 });
      const { memo, searchAttributes } = await handleOf(runId).describe();
      expect(memo).toMatchObject({ run: runId });
      expect(searchAttributes).toMatchObject({ ForkpointSession: ['session-1'], ForkpointState: ['cancelled'] });
      expect(searchAttributes['ForkpointCostUsd']).toEqual([after.costUsd]);
    },
    patient,
  );

  it(
    'walks through the prompts of a long replay',
    async () => {
      const turns = Array.from({ length: 120 }, (_, index) => ({
        turn: index + 1,
        prompt: index === 0 ? null : [{ type: 'text', text: `prompt ${index}` }],
        calls: [],
      }));
      const run = await plan({ kind: 'replay', branches: named('replay'), turns, timeoutSeconds: 170 });
      await engine.start(run);
      expect(await handleOf(run.runId).result()).toBe('completed');
      expect((await ended(run.runId)).branches).toMatchObject([{ state: 'completed', steps: 120 }]);
      // Each prompt once, with all that was said before it.
      expect(api.requests.map(({ body }) => body.messages.length)).toEqual(turns.map((_, index) => 2 * index + 1));
      await inExecution(run.runId, 1);
      const { events } = await handleOf(run.runId).fetchHistory();
      expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).not.toBe('');
      expect(events?.length).toBeLessThan(200);
    },
    patient,
  );

  it(
    'loses nothing and pays for nothing twice where its worker is killed as it goes on',
    async () => {
      const run = await plan({ branches: named(...['1', '2', '3', '4', '5', '6'].map((name) => `walk-${name}`)) });
      const { runId } = run;
      await engine.start(run);
      for (const execution of [2, 3]) {
        await inExecution(runId, execution);
        await killWorkers(home);
        await engine.start(run);
      }
      expect(await handleOf(runId).result()).toBe('completed');
      expect((await ended(runId)).branches.every(({ state }) => state === 'completed')).toBe(true);
      // What was under way in the very moment is asked again, and said so.
      const again = (await runs.events(runId)).filter(({ type }) => type === 'retrying');
      const twice = [...asked().values()].reduce((sum, times) => sum + times - 1, 0);
      expect(asked().size).toBe(6 * walk);
      expect(twice).toBe(again.length);
    },
    patient,
  );

  it(
    'is cancelled as a whole in the middle, and resumed with what is left',
    async () => {
      const run = await plan({ branches: named(...['1', '2', '3', '4', '5', '6'].map((name) => `walk-${name}`)) });
      const { runId } = run;
      await engine.start(run);
      await inExecution(runId, 2);
      expect(await engine.cancel(runId)).toBe(true);
      expect(await handleOf(runId).result()).toBe('cancelled');
      const first = await ended(runId);
      const steps = new Map(asked());

      await engine.start(run, { again: { branches: branchesToRun(first, 'resume'), reason: 'resume' } });
      expect(await handleOf(runId).result()).toBe('completed');
      const ends = async () => (await runs.events(runId)).filter(({ type }) => type === 'run-ended').length;
      await expect.poll(ends, { timeout: patient }).toBe(2);
      const after = await view(runId);
      expect(after.branches.map((branch) => [branch.state, branch.steps])).toEqual(
        Array.from({ length: 6 }, () => ['completed', walk]),
      );
      // Only what was broken off is asked again.
      const again = [...asked()].filter(([, times]) => times > 1);
      expect(again.length).toBeLessThanOrEqual(4);
      for (const [step] of again) expect(steps.get(step)).toBe(1);
      expect(asked().size).toBe(6 * walk);
    },
    patient,
  );
});
