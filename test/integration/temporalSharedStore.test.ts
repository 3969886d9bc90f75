import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSharedStore } from '../../src/adapters/shared/openSharedStore.ts';
import { type S3Server, startS3Server } from '../support/s3Server.ts';
import { describeSharedStore } from '../support/sharedStoreContract.ts';
import { startTcpProxy } from '../support/tcpProxy.ts';

let server: S3Server;
const before = { ...process.env };
beforeAll(async () => {
  server = await startS3Server();
  Object.assign(process.env, server.env);
});
afterAll(async () => {
  for (const name of Object.keys(server.env)) delete process.env[name];
  Object.assign(process.env, before);
  await server.stop();
});

describe('an S3 store', () => {
  describeSharedStore(() => openSharedStore(server.location));

  it('keeps to its prefix', async () => {
    const store = await openSharedStore(server.location);
    await store.put('one.json', Buffer.from('{}'));
    expect(await readdir(path.join(server.bucket, 'runs-of', 'tests'))).toContain('one.json');
    expect(store.location).toBe(server.location);
  });

  it('knows what it has written itself where the answer was lost, and what others have', async () => {
    const proxy = await startTcpProxy(new URL(server.env['AWS_ENDPOINT_URL'] ?? '').host);
    process.env.AWS_ENDPOINT_URL = `http://${proxy.address}`;
    try {
      const store = await openSharedStore(server.location);
      expect(await store.create('warm.json', Buffer.from('{}'))).toBe(true);
      proxy.loseAnswer();
      expect(await store.create('runs/r-9/one.json', Buffer.from('mine'))).toBe(true);
      proxy.loseAnswer();
      expect(await store.create('runs/r-9/one.json', Buffer.from('other'))).toBe(false);
      expect(Buffer.from((await store.get('runs/r-9/one.json')) ?? []).toString()).toBe('mine');
    } finally {
      Object.assign(process.env, server.env);
      await proxy.close();
    }
  });

  it('says what to look at where it can’t be reached, without a credential', async () => {
    const wrong = await openSharedStore('s3://no-such-bucket/x');
    const refused = { code: 'storage', hint: expect.stringContaining('AWS_ENDPOINT_URL') };
    await expect(wrong.put('one.json', Buffer.from('{}'))).rejects.toMatchObject(refused);
    await expect(wrong.create('two.json', Buffer.from('{}'))).rejects.toMatchObject(refused);
    await expect(wrong.list('runs/')).rejects.toMatchObject(refused);
    process.env.AWS_SECRET_ACCESS_KEY = 'another-secret';
    try {
      const stranger = await openSharedStore(server.location);
      const error: unknown = await stranger.get('one.json').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'storage', message: expect.stringContaining(server.location) });
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/another-secret|Signature=/);
    } finally {
      Object.assign(process.env, server.env);
    }
  });
});
