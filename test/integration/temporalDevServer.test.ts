import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from '../../src/adapters/fileLock.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { connectClient, resolveTarget } from '../../src/orchestration/temporal/connection.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { testRunId } from '../support/storedPlan.ts';
import { plainEngine } from '../support/temporal.ts';

let home: string;
let other: Server;
let settings: TemporalSettings;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-dev-server-'));
  const port = await freePort();
  other = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_ADDRESS')));
  settings = {
    home,
    withLock,
    defaultAddress: `127.0.0.1:${port}`,
    taskQueue: 'dev-server',
    env,
    workerScript: path.join(home, 'worker.js'),
    apiKey: async () => undefined,
  };
});
afterEach(async () => {
  await createTemporalControl(settings).stopServer();
  await new Promise((resolve) => other.close(resolve));
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

it('steps around a taken port, is one for all windows, and keeps its runs when it is stopped', async () => {
  const [one, two] = [createTemporalControl(settings), createTemporalControl(settings)];
  const engine = plainEngine({ runs: createRunStore(path.join(home, 'runs')), settings });
  expect((await engine.availability()).ready).toBe(false);
  const [first, second] = await Promise.all([one.startServer(), two.startServer()]);
  expect(first.server).toMatchObject({ state: 'running', managed: true });
  expect(first.server.address).not.toBe(settings.defaultAddress);
  expect(second.server).toEqual(first.server);
  // Who had looked before finds it now.
  expect(await engine.availability()).toMatchObject({ ready: true });
  await engine.dispose();

  const runId = testRunId();
  const client = await connectClient(await resolveTarget(settings));
  await client.workflow.start('forkRun', { workflowId: workflowIdOf(runId), taskQueue: 'dev-server' });
  await client.workflow.start('forkRun', { workflowId: 'another', taskQueue: 'dev-server' });
  await expect.poll(() => two.openRuns(), { timeout: 10_000 }).toEqual([runId]);
  await client.connection.close();

  expect((await two.stopServer()).server).toMatchObject({ state: 'stopped', address: settings.defaultAddress });
  expect(await one.openRuns()).toEqual([]);
  await one.startServer();
  await expect.poll(() => one.openRuns(), { timeout: 10_000 }).toEqual([runId]);
}, 90_000);

it('says so where the port was named and is taken', async () => {
  const named = createTemporalControl({ ...settings, address: settings.defaultAddress ?? '' });
  await expect(named.startServer()).rejects.toMatchObject({ hint: expect.stringContaining('Is the port taken') });
});
