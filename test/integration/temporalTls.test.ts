import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import { connectClient, resolveTarget } from '../../src/orchestration/temporal/connection.ts';
import { startMessagesApi } from '../support/messagesApi.ts';
import { storePlan } from '../support/storedPlan.ts';
import { startTestServer, type TestServer, testEngine } from '../support/temporal.ts';
import { makeCertificates, startTlsProxy, type TlsProxy } from '../support/tlsProxy.ts';

let server: TestServer;
let proxy: TlsProxy;
let home: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'forkpoint-tls-'));
  [server] = await Promise.all([startTestServer(), makeCertificates(home)]);
  proxy = await startTlsProxy(home, server.address);
  const at = (name: string) => JSON.stringify(path.join(home, name));
  const profile = (name: string, ...lines: string[]) =>
    [`[profile.${name}]`, `address = "${proxy.address}"`, ...lines, ''].join('\n');
  const tls = [`tls.server_ca_cert_path = ${at('ca.pem')}`];
  const client = [`tls.client_cert_path = ${at('client.pem')}`, `tls.client_key_path = ${at('client.key')}`];
  const file = path.join(home, 'temporal.toml');
  await writeFile(
    file,
    [
      profile('cloud', 'namespace = "default"', 'api_key = "key-of-a-cloud"', ...tls, ...client),
      profile('uncertified', ...tls),
      profile('untrusted', 'tls.disabled = false', ...client),
    ].join('\n'),
  );
  const { PATH, HOME } = process.env;
  env = { PATH, HOME, TEMPORAL_CONFIG_FILE: file };
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await server.stop();
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
});

it('a profile with a client certificate and a key serves host and worker', async () => {
  const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
  await using api = await startMessagesApi(['Over TLS.']);
  const {
    address: _address,
    namespace: _namespace,
    ...settings
  } = server.settings({ home, baseUrl: api.baseUrl, env });
  const engine = testEngine({ runs, settings: { ...settings, profile: 'cloud' } });
  try {
    const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches: [{ name: 'one' }] });
    await engine.start(plan);
    const stop = new AbortController();
    for await (const event of runs.follow(plan.runId, stop.signal)) if (event.type === 'run-ended') stop.abort();
    expect(foldRun(plan, await runs.events(plan.runId)).branches).toMatchObject([{ text: 'Over TLS.' }]);
    expect(proxy.authorizations).toEqual(new Set(['Bearer key-of-a-cloud']));
    expect(proxy.clients).toEqual(new Set(['client']));
  } finally {
    await engine.dispose();
  }
});

it.each(['uncertified', 'untrusted'])('says that the profile "%s" does not get through TLS', async (profile) => {
  const target = await resolveTarget({ env, profile });
  await expect(connectClient(target, { timeoutMs: 1_500 })).rejects.toMatchObject({
    message: `Temporal on ${proxy.address} does not answer over TLS.`,
    hint: expect.stringContaining('certificates of the profile'),
  });
});
