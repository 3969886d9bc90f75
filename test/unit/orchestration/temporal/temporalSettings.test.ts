import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveTarget } from '../../../../src/orchestration/temporal/connection.ts';
import { ownQueueOf, sharedQueueOf } from '../../../../src/orchestration/temporal/taskQueues.ts';
import { temporalProfiles } from '../../../../src/orchestration/temporal/temporalProfiles.ts';
import { fingerprintOf, workerHandoverFrom } from '../../../../src/orchestration/temporal/workerConfig.ts';

describe('task queues', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-queues-'));
  });
  afterEach(() => rm(dir, { recursive: true }));
  const home = (name: string) => path.join(dir, name);
  const plain = { taskQueue: undefined, store: null };

  it('are those of one data folder, on whatever machine a folder of that path is', async () => {
    const one = ownQueueOf({ home: home('one'), ...plain });
    expect(one).toMatch(/^forkpoint-[0-9a-f]{8}$/);
    expect(ownQueueOf({ home: home('one'), ...plain })).toBe(one);
    // The folder of another machine lies at the same path, and has nothing of this one's in it.
    await rm(home('one'), { recursive: true });
    expect(ownQueueOf({ home: home('one'), ...plain })).not.toBe(one);
  });

  it('keep the name that runs of a release before were begun on', async () => {
    await mkdir(path.join(home('old'), 'temporal'), { recursive: true });
    await mkdir(path.join(home('other'), 'temporal'), { recursive: true });
    const defaultHome = home('old');
    expect(ownQueueOf({ home: defaultHome, defaultHome, ...plain })).toBe('forkpoint');
    const other = ownQueueOf({ home: home('other'), defaultHome, ...plain });
    expect(other).toMatch(/^forkpoint-[0-9a-f]{8}$/);
    await rm(home('other'), { recursive: true });
    await mkdir(path.join(home('other'), 'temporal'), { recursive: true });
    expect(ownQueueOf({ home: home('other'), defaultHome, ...plain })).toBe(other);
  });

  it('are shared by those who share a store; what needs this machine keeps its own', () => {
    const store = 's3://bucket/prefix';
    expect(sharedQueueOf(plain)).toBeNull();
    const shared = sharedQueueOf({ taskQueue: undefined, store });
    expect(sharedQueueOf({ taskQueue: undefined, store: 's3://bucket/other' })).not.toBe(shared);
    expect(sharedQueueOf({ taskQueue: 'team', store })).toBe('team');
    const own = ['one', 'two'].map((name) => ownQueueOf({ home: home(name), taskQueue: 'team', store }));
    expect(new Set([shared, 'team', ...own]).size).toBe(4);
    expect(ownQueueOf({ home: home('one'), taskQueue: 'team', store: null })).toBe('team');
  });
});

describe('resolveTarget', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-target-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function profile(toml: string): Promise<NodeJS.ProcessEnv> {
    const file = path.join(dir, 'temporal.toml');
    await writeFile(file, toml);
    return { TEMPORAL_CONFIG_FILE: file };
  }

  it('is the dev server where nothing is set', async () => {
    const env = { TEMPORAL_CONFIG_FILE: path.join(dir, 'none.toml') };
    expect(await resolveTarget({ env })).toMatchObject({ address: '127.0.0.1:7233', namespace: 'default' });
  });

  it('takes address, namespace and key of the user’s profile', async () => {
    const env = await profile(
      '[profile.default]\naddress = "cloud.test:7233"\nnamespace = "team"\napi_key = "secret"\n',
    );
    const target = await resolveTarget({ env });
    expect(target).toMatchObject({ address: 'cloud.test:7233', namespace: 'team', options: { apiKey: 'secret' } });
  });

  it('takes the profile that was chosen, and the others are listed without their keys', async () => {
    const env = await profile(`
[profile.default]
address = "127.0.0.1:7300"
[profile.cloud]
address = "cloud.test:7233"
namespace = "team"
api_key = "secret"
[profile.own]
address = "own.test:7233"
tls.client_cert_path = "/c.pem"
tls.client_key_path = "/c.key"
`);
    expect(await resolveTarget({ env, profile: 'cloud' })).toMatchObject({
      address: 'cloud.test:7233',
      options: { apiKey: 'secret' },
    });
    await expect(resolveTarget({ env, profile: 'gone' })).rejects.toMatchObject({ code: 'engine_unavailable' });
    const common = { namespace: 'default', tls: 'none', hasApiKey: false, chosen: false };
    expect(await temporalProfiles({ env, profile: 'cloud' })).toEqual([
      { ...common, name: 'default', address: '127.0.0.1:7300' },
      { name: 'cloud', address: 'cloud.test:7233', namespace: 'team', tls: 'server', hasApiKey: true, chosen: true },
      { ...common, name: 'own', address: 'own.test:7233', tls: 'mutual' },
    ]);
    expect((await temporalProfiles({ env })).filter(({ chosen }) => chosen)).toMatchObject([{ name: 'default' }]);
    expect(await temporalProfiles({ env: { TEMPORAL_CONFIG_FILE: path.join(dir, 'none.toml') } })).toEqual([]);
  });

  it('never sends the profile’s key to another address', async () => {
    const env = await profile('[profile.default]\naddress = "cloud.test:7233"\napi_key = "secret"\n');
    const target = await resolveTarget({ env, address: '127.0.0.1:7300' });
    expect(target.options).toEqual({ address: '127.0.0.1:7300' });
  });

  it('names a profile that cannot be read', async () => {
    const env = await profile('[profile.default\n');
    await expect(resolveTarget({ env })).rejects.toMatchObject({ code: 'engine_unavailable' });
  });
});

describe('the worker’s configuration', () => {
  it('tells workers apart by folder, base URL and key, and does not show the key', () => {
    const base = {
      home: '/h',
      baseUrl: null,
      store: null,
      apiKey: 'sk-ant-one',
      encryption: null,
      metrics: null,
      env: {},
    };
    const print = fingerprintOf(base);
    expect(fingerprintOf({ ...base })).toBe(print);
    expect(fingerprintOf({ ...base, apiKey: 'sk-ant-two' })).not.toBe(print);
    expect(fingerprintOf({ ...base, baseUrl: 'http://127.0.0.1:1' })).not.toBe(print);
    // Agents go by it; what else is in the environment says nothing of how they are logged in.
    expect(fingerprintOf({ ...base, env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' } })).not.toBe(print);
    expect(fingerprintOf({ ...base, env: { EDITOR: 'vi' } })).toBe(print);
    expect(fingerprintOf({ ...base, store: 's3://bucket' })).not.toBe(print);
    expect(fingerprintOf({ ...base, env: { AWS_SECRET_ACCESS_KEY: 'marked' } })).not.toBe(print);
    expect(fingerprintOf({ ...base, encryption: { key: 'k' } })).not.toBe(print);
    expect(print).not.toContain('sk-ant');
  });

  it('is refused in words when it is missing or broken', () => {
    const broken = { config: { home: 1 }, apiKey: 'sk-ant-one', agentEnv: {} };
    for (const text of ['', '{"apiKey":"sk-ant-one', JSON.stringify(broken)]) {
      expect(() => workerHandoverFrom(text)).toThrow(/without its configuration/);
      expect(() => workerHandoverFrom(text)).not.toThrow(/sk-ant/);
    }
  });
});
