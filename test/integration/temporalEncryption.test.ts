import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { EncryptionSettings } from '../../src/core/encryptionSettings.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import { dataConverterOf } from '../../src/orchestration/temporal/codec/dataConverterOf.ts';
import { connectClient } from '../../src/orchestration/temporal/connection.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { storePlan } from '../support/storedPlan.ts';
import { killWorkers, plainEngine, startTestServer, type TestServer } from '../support/temporal.ts';

const mark = 'swordfish';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

/** Every payload of a history with the name of the field that holds it. Search attributes are no payloads of ours. */
function payloadsIn(value: unknown, field = ''): { field: string; encoding: string }[] {
  if (typeof value !== 'object' || value === null || field === 'searchAttributes') return [];
  if ('metadata' in value) {
    const { encoding = '' } = value.metadata as { encoding?: string };
    return [{ field, encoding: Buffer.from(encoding, 'base64').toString() }];
  }
  const deeper = Array.isArray(value) ? value.map((item) => [field, item] as const) : Object.entries(value);
  return deeper.flatMap(([name, item]) => payloadsIn(item, name));
}

/** Leaves out what the SDK's core itself notes of a local activity: the activity's id and name, its times. */
function withoutCoreNotes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('markerName' in value)) return value;
  return { ...value, details: { ...(value as unknown as { details: object }).details, data: null } };
}

it('keeps all words of a run from the server, and a worker without the key says so', async () => {
  const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-encryption-'));
  const runs = createRunStore(path.join(home, 'runs'));
  const blobs = createBlobStore(path.join(home, 'blobs'));
  const api = await startMessagesApi((request) =>
    request.body.messages[0].content[0].text === 'refused'
      ? { status: 400, message: `the ${mark} is refused` }
      : 'Answered.',
  );
  const key = randomBytes(32).toString('base64');
  const encryption: EncryptionSettings = { key, keyId: 'test-key' };
  const settings = server.settings({ home, baseUrl: api.baseUrl });
  const withKey = { ...settings, encryption: async () => encryption };
  const engine = plainEngine({ runs, settings: { ...withKey, startWorkers: false } });
  const connection = await Connection.connect({ address: server.address });
  const raw = new Client({ connection });
  const start = async () => {
    const branches = [
      { name: mark, prompt: 'fine' },
      { name: 'other', prompt: 'refused' },
    ];
    const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches });
    await engine.start({ ...plan, session: { ...plan.session, title: `About the ${mark}` } });
    return { plan, handle: raw.workflow.getHandle(workflowIdOf(plan.runId)) };
  };
  const historyOf = async (handle: { fetchHistory(): Promise<object> }): Promise<string> =>
    historyToJSON(await handle.fetchHistory());
  try {
    await createTemporalControl(withKey).ensureWorker();
    // It got the key where lists of processes don't look.
    const [worker] = await readWorkerRecords({ home });
    if (process.platform === 'linux') {
      const shown = ['cmdline', 'environ'].map((name) => readFile(`/proc/${worker?.pid}/${name}`, 'utf8'));
      for (const text of await Promise.all(shown)) expect(text).not.toContain(key);
    }
    const { plan, handle } = await start();
    await handle.result().catch(() => undefined);
    const view = foldRun(plan, await runs.events(plan.runId));
    expect(view.branches.map(({ state }) => state)).toEqual(['completed', 'failed']);
    expect(view.branches[1]?.error?.message).toContain(mark);

    const text = await historyOf(handle);
    expect(text).not.toContain(mark);
    const found = payloadsIn(JSON.parse(text, withoutCoreNotes));
    const expected = ['payloads', 'session', 'encodedAttributes', 'summary', 'details'];
    expect([...new Set(found.map(({ field }) => field))]).toEqual(expect.arrayContaining(expected));
    expect([...new Set(found.map(({ encoding }) => encoding))]).toEqual(['binary/encrypted']);

    // Who has the key reads it; others are told.
    const target = { address: server.address, namespace: 'default', options: { address: server.address } };
    const reader = await connectClient(target, { dataConverter: dataConverterOf(withKey) });
    const { memo } = await reader.workflow.getHandle(workflowIdOf(plan.runId)).describe();
    expect(memo?.session).toBe(plan.session.sessionId);
    const blind = await connectClient(target, { dataConverter: dataConverterOf(settings) });
    await expect(blind.workflow.getHandle(workflowIdOf(plan.runId)).describe()).rejects.toMatchObject({
      code: 'encryption',
      hint: expect.stringContaining('FORKPOINT_ENCRYPTION_KEY'),
    });
    await Promise.all([reader.connection.close(), blind.connection.close()]);
    const replayed = (by: TemporalSettings) =>
      createTemporalControl(by).replayRun(plan.runId, new AbortController().signal);
    expect(await replayed(withKey)).toEqual([
      { executionId: expect.any(String), events: expect.any(Number), error: null },
    ]);
    await expect(replayed(settings)).rejects.toMatchObject({ code: 'encryption' });

    // So is whoever looks into the log of a worker that has no key. It asks nothing.
    await killWorkers(home);
    await createTemporalControl(settings).ensureWorker();
    const { handle: unread } = await start();
    const asked = api.requests.length;
    const refused = /is encrypted \(key test-key\), and no key is set here/;
    await expect.poll(() => historyOf(unread), { timeout: 20_000 }).toMatch(refused);
    expect(await readFile(path.join(home, 'temporal', 'worker.log'), 'utf8')).toMatch(refused);
    expect(api.requests).toHaveLength(asked);
    await unread.terminate();
  } finally {
    await engine.dispose();
    await connection.close();
    await killWorkers(home);
    await api.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}, 90_000);
