import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { tracingOf } from '../../src/adapters/tracing/tracingOf.ts';
import { forkRequestSchema } from '../../src/core/fork/forkRequest.ts';
import type { EngineKind } from '../../src/core/fork/runChoices.ts';
import { createServices } from '../../src/services.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { chainOf, startOtlpReceiver } from '../support/otlpReceiver.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from '../support/temporal.ts';
import { writeSession } from '../support/writeSession.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());
afterEach(() => {
  vi.unstubAllEnvs();
});

const http = ['HTTP POST', 'chat claude-haiku-4-5'];
const chains: Record<EngineKind, string[]> = {
  'in-process': [...http, 'branch', 'run', 'fork'],
  temporal: [...http, 'RunActivity:callModel', 'RunWorkflow:forkRun', 'StartWorkflow:forkRun', 'fork'],
};

it.each(Object.entries(chains))('a run %s is one trace, from the command to the request', async (engine, chain) => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-tracing-'));
  await using api = await startMessagesApi(() => 'A secret answer.');
  await using receiver = await startOtlpReceiver();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', 'http/json');
  vi.stubEnv('OTEL_SERVICE_NAME', 'forks of sam');
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '100');
  vi.stubEnv('OTEL_METRIC_EXPORT_INTERVAL', '100');
  const { file } = await writeSession(path.join(home, 'claude'), '/home/sam/app', ['A secret prompt.']);
  const tracing = await tracingOf(process.env);
  const services = await createServices({
    claudeDirs: [path.join(home, 'claude')],
    home,
    baseUrl: api.baseUrl,
    apiKey: async () => 'sk-ant-test-secret',
    tracing,
    temporal: { address: server.address, workerScript: await builtWorker() },
  });
  try {
    const request = forkRequestSchema.parse({
      session: file,
      at: { turn: 1 },
      engine,
      executor: 'api',
      branches: [{ name: 'one', model: 'claude-haiku-4-5' }],
    });
    const { runId } = await services.forks.dispatch(request);
    const run = await services.forks.whenEnded(runId);
    expect(run.state).toBe('completed');
    await services.dispose();
    const ofRequest = () => receiver.spans.filter(({ name }) => name === 'HTTP POST');
    await expect.poll(() => ofRequest().map((span) => chainOf(span, receiver.spans))).toEqual([chain]);
    expect(new Set(receiver.spans.map(({ service }) => service))).toEqual(new Set(['forks of sam']));
    expect(receiver.spans.find(({ name }) => name === 'chat claude-haiku-4-5')?.attributes).toMatchObject({
      'forkpoint.run': runId,
      'forkpoint.branch': 'b1',
    });
    expect(ofRequest()[0]?.attributes).toMatchObject({ 'http.response.status_code': 200 });
    expect(receiver.bodies.join('\n')).not.toMatch(/secret|\/home\/sam/);
    if (engine === 'temporal') await expect.poll(() => receiver.metrics).toBeGreaterThan(0);
    // The API is not told of the trace.
    expect(api.requests[0]?.headers).not.toHaveProperty('traceparent');
  } finally {
    await killWorkers(home);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
});
