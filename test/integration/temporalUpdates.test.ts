import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { toolPath } from '../../scripts/tools.ts';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { branchIdSchema } from '../../src/core/ids.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { ForkEngine } from '../../src/core/run/ports.ts';
import type { BranchProgress } from '../../src/orchestration/temporal/durableRun/runProgress.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { historyText } from '../support/historyText.ts';
import { type MessagesApi, startMessagesApi } from '../support/messagesApi.ts';
import { buildPlan, storePlan } from '../support/storedPlan.ts';
import { startTestServer, type TestServer, testEngine } from '../support/temporal.ts';

const execFileAsync = promisify(execFile);

let server: TestServer;
let home: string;
let api: MessagesApi;
let engine: ForkEngine;
let connection: Connection;
beforeAll(async () => {
  server = await startTestServer();
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-updates-'));
  api = await startMessagesApi((request) =>
    request.body.messages[0].content[0].text === 'fine' ? 'Fine.' : { content: 'more', endAfter: 1, ending: 'hang' },
  );
  const settings = server.settings({ home, baseUrl: api.baseUrl });
  engine = testEngine({ runs: createRunStore(path.join(home, 'runs')), settings });
  connection = await Connection.connect({ address: server.address });
});
afterAll(async () => {
  await engine?.dispose();
  await connection?.close();
  await api?.close();
  await server?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

/** A plain update as another tool sends it. */
async function update(workflowId: string, name: string, input: unknown): Promise<string> {
  const args = ['workflow', 'update', 'execute', '--address', server.address, '--workflow-id', workflowId];
  const { stdout } = await execFileAsync(
    toolPath('temporal'),
    [...args, '--name', name, '--input', JSON.stringify(input), '-o', 'json'],
    { env: { PATH: process.env.PATH, HOME: home } },
  );
  return stdout;
}

it('takes updates of other tools, keeps refused ones out of the history, and words too', async () => {
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches: [{ name: 'one' }, { name: 'two' }] });
  const workflowId = workflowIdOf(plan.runId);
  const handle = new Client({ connection }).workflow.getHandle(workflowId);
  await engine.start(plan);
  await api.received(2);

  const late = { ...(await buildPlan(blobs, { branches: [{ name: 'late', prompt: 'fine' }] })).branches[0]! };
  const branch = await blobs.put({ ...late, branchId: branchIdSchema.parse('b3'), notes: ['marked-word'] });
  await expect(update(workflowId, 'cancelBranch', { branchId: 'b9' })).rejects.toThrow(/has no branch b9/);
  await expect(update(workflowId, 'cancelBranch', { branch: 'marked-word' })).rejects.toThrow(/Not what this update/);
  await expect(update(workflowId, 'addBranch', { branchId: 'b1', branch })).rejects.toThrow(/has a branch b1 already/);
  await expect(update(workflowId, 'changeLimits', { concurrency: 2 })).rejects.toThrow(/all leave at once/);
  await expect(update(workflowId, 'changeLimits', {})).rejects.toThrow(/Not what this update takes/);
  const accepted = async () =>
    (await handle.fetchHistory()).events?.filter(
      (event) => event.workflowExecutionUpdateAcceptedEventAttributes != null,
    );
  expect(await accepted()).toEqual([]);

  await update(workflowId, 'addBranch', { branchId: 'b3', branch });
  const answered = async () => (await handle.query<Record<string, BranchProgress>>('progress'))['b3'];
  await expect.poll(answered, { timeout: 20_000 }).toMatchObject({ state: 'completed', steps: 1, waitsFor: null });
  expect((await answered())?.outputTokens).toBeGreaterThan(0);
  expect((await answered())?.costUsd).toBeGreaterThan(0);
  const progress = await handle.query<Record<string, BranchProgress>>('progress');
  expect(progress['b1']).toEqual({
    state: 'running',
    steps: 0,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: 0,
    waitsFor: 'model',
  });
  await update(workflowId, 'changeLimits', { budgetUsd: 7, timeoutSeconds: 30 });
  expect(await update(workflowId, 'cancelBranch', { branchId: 'b1' })).toContain('running');
  expect(await update(workflowId, 'cancelBranch', { branchId: 'b2' })).toContain('running');
  expect(await handle.result()).toBe('cancelled');
  expect(await accepted()).toHaveLength(4);

  const [stored, events] = [await runs.plan(plan.runId), await runs.events(plan.runId)];
  expect(stored).toMatchObject({ budgetUsd: 7, timeoutSeconds: 30 });
  expect(stored.branches[2]?.notes).toEqual(['marked-word']);
  expect(foldRun(stored, events).branches.map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'completed']);
  const text = historyText(await handle.fetchHistory());
  expect(text).toContain(branch);
  expect(text).not.toContain('marked-word');
});

it('lets a person find a run by its session, its models, its state and its cost', async () => {
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  const branches = [{ name: 'one', prompt: 'fine', model: 'claude-opus-4-5' }];
  const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches });
  const { workflow } = new Client({ connection });
  await engine.start(plan);
  expect(await workflow.getHandle(workflowIdOf(plan.runId)).result()).toBe('completed');
  const query = [
    'ForkpointSession = "session-1"',
    'ForkpointModel = "claude-opus-4-5"',
    'ForkpointKind = "fork"',
    'ForkpointState = "completed"',
    'ForkpointCostUsd > 0',
  ].join(' AND ');
  const found = async () => {
    const ids: string[] = [];
    for await (const { workflowId } of workflow.list({ query })) ids.push(workflowId);
    return ids;
  };
  await expect.poll(found, { timeout: 20_000 }).toEqual([workflowIdOf(plan.runId)]);
  const { raw } = await workflow.getHandle(workflowIdOf(plan.runId)).describe();
  expect(historyText(raw)).not.toContain(plan.session.projectPath);
});
