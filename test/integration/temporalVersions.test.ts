import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { connectClient, resolveTarget } from '../../src/orchestration/temporal/connection.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { storePlan } from '../support/storedPlan.ts';
import { killWorkers, plainEngine, startTestServer, type TestServer } from '../support/temporal.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('a run stays with the version of the worker that it began on, and new ones go where the server says', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-versions-'));
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  const moved = Promise.withResolvers<void>();
  // The first reply of the first run comes once the second version is the current one; its second step goes on from there.
  await using api = await startMessagesApi(async ({ index }) => {
    if (index > 0) return 'Done.';
    await moved.promise;
    return { content: [{ type: 'tool_use', name: 'Read', input: { file_path: 'a' } }] };
  });
  const settings = server.settings({ home, baseUrl: api.baseUrl, startWorkers: false });
  const { namespace = 'default' } = settings;
  const [control, engine] = [createTemporalControl(settings), plainEngine({ runs, settings })];
  const client = await connectClient(await resolveTarget(settings));
  const stop = new AbortController();
  const workers: Promise<number>[] = [];
  const start = (buildId: string): void => {
    workers.push(control.runWorker(stop.signal, { deployment: 'forks', buildId }));
  };
  const plan = () => {
    const calls = [{ name: 'Read', input: { file_path: 'a' }, result: { content: 'text', isError: false } }];
    const turns = [{ turn: 1, prompt: null, calls }];
    return storePlan({ runs, blobs }, { engine: 'temporal', branches: [{ name: 'one' }], turns });
  };
  const until = async ({ runId }: ForkPlan, type: BranchEvent['type']): Promise<void> => {
    const found = new AbortController();
    for await (const event of runs.follow(runId, found.signal)) if (event.type === type) found.abort();
  };
  const versionOf = async ({ runId }: ForkPlan): Promise<string | null | undefined> => {
    const { raw } = await client.workflow.getHandle(workflowIdOf(runId)).describe();
    return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;
  };
  const versions = async () => (await control.status()).versions;
  try {
    start('old');
    await expect.poll(versions, { timeout: 30_000 }).toMatchObject({ current: 'forks:old', ramping: null });
    const first = await plan();
    await engine.start(first);
    await until(first, 'request-sent');
    start('new');
    const change = { namespace, deploymentName: 'forks', buildId: 'new', identity: 'test' };
    const ramp = () => client.workflowService.setWorkerDeploymentRampingVersion({ ...change, percentage: 25 });
    const isDone = (asked: Promise<unknown>) =>
      asked.then(
        () => true,
        () => false,
      );
    await expect.poll(() => isDone(ramp()), { timeout: 30_000, interval: 250 }).toBe(true);
    await expect
      .poll(versions, { timeout: 10_000 })
      .toEqual({ current: 'forks:old', ramping: 'forks:new', rampingPercent: 25 });
    await client.workflowService.setWorkerDeploymentCurrentVersion(change);
    await expect.poll(versions, { timeout: 10_000 }).toMatchObject({ current: 'forks:new' });
    const second = await plan();
    await engine.start(second);
    await until(second, 'run-ended');
    moved.resolve();
    await until(first, 'run-ended');
    expect([await versionOf(first), await versionOf(second)]).toEqual(['old', 'new']);
    stop.abort();
    expect(await Promise.all(workers)).toEqual([0, 0]);
  } finally {
    moved.resolve();
    await client.connection.close();
    await engine.dispose();
    await killWorkers(home);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
});
