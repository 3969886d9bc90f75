import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { startProxy } from '../support/proxy.ts';
import { storePlan } from '../support/storedPlan.ts';
import { startTestServer, type TestServer, testEngine } from '../support/temporal.ts';
import { describeEngineContract } from './engineContract.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

describeEngineContract('temporal', async ({ runs, baseUrl, home, apiKey }) =>
  testEngine({ runs, settings: server.settings({ home, baseUrl, apiKey: async () => apiKey }) }),
);

it.each(['env', 'workerEnv'] as const)('a worker goes through the proxy that %s names, with a token', async (where) => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-proxy-'));
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  await using api = await startMessagesApi(['Through it.']);
  await using proxy = await startProxy();
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, ANTHROPIC_AUTH_TOKEN: 'token-of-a-gateway' };
  const named = { HTTP_PROXY: proxy.url };
  const settings = server.settings({
    home,
    baseUrl: api.baseUrl,
    apiKey: async () => undefined,
    ...(where === 'env' ? { env: { ...env, ...named } } : { env, workerEnv: named }),
  });
  const engine = testEngine({ runs, settings });
  try {
    const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches: [{ name: 'one' }] });
    await engine.start(plan);
    const stop = new AbortController();
    for await (const event of runs.follow(plan.runId, stop.signal)) if (event.type === 'run-ended') stop.abort();
    expect(foldRun(plan, await runs.events(plan.runId)).branches).toMatchObject([{ text: 'Through it.' }]);
    expect(proxy.asked).toEqual([`POST ${api.baseUrl}/v1/messages`]);
    expect(api.requests[0]?.headers.authorization).toBe('Bearer token-of-a-gateway');
  } finally {
    await engine.dispose();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
});
