import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveTarget } from '../../../../src/orchestration/temporal/connection.ts';
import { defaultTaskQueue } from '../../../../src/orchestration/temporal/temporalSettings.ts';
import { fingerprintOf, workerHandoverFrom } from '../../../../src/orchestration/temporal/workerConfig.ts';

describe('defaultTaskQueue', () => {
  it('is plain for the default folder, and each other folder has its own', () => {
    expect(defaultTaskQueue('/data/forkpoint', '/data/forkpoint/')).toBe('forkpoint');
    const one = defaultTaskQueue('/tmp/one', '/data/forkpoint');
    expect(one).toMatch(/^forkpoint-[0-9a-f]{8}$/);
    expect(defaultTaskQueue('/tmp/one/', '/data/forkpoint')).toBe(one);
    expect(defaultTaskQueue('/tmp/two', '/data/forkpoint')).not.toBe(one);
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
    const base = { home: '/h', baseUrl: null, apiKey: 'sk-ant-one', encryption: null, metrics: null, env: {} };
    const print = fingerprintOf(base);
    expect(fingerprintOf({ ...base })).toBe(print);
    expect(fingerprintOf({ ...base, apiKey: 'sk-ant-two' })).not.toBe(print);
    expect(fingerprintOf({ ...base, baseUrl: 'http://127.0.0.1:1' })).not.toBe(print);
    // Agents go by it; what else is in the environment says nothing of how they are logged in.
    expect(fingerprintOf({ ...base, env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:1' } })).not.toBe(print);
    expect(fingerprintOf({ ...base, env: { EDITOR: 'vi' } })).toBe(print);
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
