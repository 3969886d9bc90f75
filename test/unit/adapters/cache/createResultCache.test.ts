import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createResultCache } from '../../../../src/adapters/cache/createResultCache.ts';
import { sha256 } from '../../../../src/adapters/sha256.ts';
import { blobRefSchema } from '../../../../src/core/ids.ts';
import type { CachedReply, CacheKey } from '../../../../src/core/run/resultCache.ts';

const usage = { inputTokens: 10, outputTokens: 5, cacheReadTokens: 0, cacheWriteTokens: 0 };
const answer = (text: string): CachedReply => ({
  reply: { content: [{ type: 'text', text }], model: 'm', stopReason: 'end_turn', usage, requestId: 'req_1' },
  costUsd: 0.5,
});
const key = (what: string, over: Partial<CacheKey> = {}): CacheKey => ({
  provider: 'anthropic',
  request: blobRefSchema.parse(sha256(what)),
  repeat: 1,
  ...over,
});
const limits = { maxAgeMs: 1_000, maxBytes: 1_000_000 };

describe('the result cache', () => {
  let folder: string;
  let now = Date.now();
  const made = (host = 'api.example') => createResultCache({ folder, host, clock: { now: () => now } });
  const files = async () =>
    (await readdir(folder, { recursive: true }))
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.join(folder, name));

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-cache-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('gives back what was kept for the very same call, to other processes, too', async () => {
    await made().put(key('a'), answer('A'), limits);
    expect(await made().get(key('a'), limits)).toEqual(answer('A'));
    expect(await made().get(key('b'), limits)).toBeNull();
    expect(await made().get(key('a', { repeat: 2 }), limits)).toBeNull();
    expect(await made().get(key('a', { provider: 'demo' }), limits)).toBeNull();
    expect(await made('gateway.example').get(key('a'), limits)).toBeNull();
  });

  it('forgets what is too old or damaged', async () => {
    const cache = made();
    await cache.put(key('a'), answer('A'), limits);
    now += 1_001;
    expect(await cache.get(key('a'), limits)).toBeNull();
    await cache.put(key('a'), answer('A again'), limits);
    expect(await cache.get(key('a'), limits)).toEqual(answer('A again'));
    const [file = ''] = await files();
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 40));
    expect(await cache.get(key('a'), limits)).toBeNull();
  });

  it('keeps within its limit, what was used last', async () => {
    const one = JSON.stringify(answer('x'.repeat(1_000))).length + 60;
    const small = { maxAgeMs: 1e9, maxBytes: one * 5 };
    const cache = made();
    for (let index = 0; index < 5; index++) {
      now += 1_000;
      await cache.put(key(`k${index}`), answer('x'.repeat(1_000)), small);
    }
    now += 100_000;
    expect(await cache.get(key('k0'), { ...small, maxAgeMs: 1e15 })).not.toBeNull();
    await cache.put(key('more'), answer('x'.repeat(1_000)), small);
    const kept = await Promise.all(
      ['k0', 'k4', 'k1'].map((name) => cache.get(key(name), { ...small, maxAgeMs: 1e15 })),
    );
    expect((await files()).length).toBeLessThanOrEqual(5);
    expect(kept.map((found) => found !== null)).toEqual([true, true, false]);
    // What can't fit at all pushes nothing out.
    const before = await files();
    await cache.put(key('huge'), answer('x'.repeat(100_000)), small);
    expect(await files()).toEqual(before);
    await cache.put(key('none'), answer('x'), { ...small, maxBytes: 0 });
    expect(await files()).toEqual(before);
  });

  it('says in words that it can’t be used', async () => {
    const file = path.join(folder, 'file');
    await writeFile(file, '');
    const cache = createResultCache({ folder: file, host: 'h', clock: { now: () => now } });
    await expect(cache.put(key('a'), answer('A'), limits)).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringContaining("The result cache can't be written"),
    });
  });
});
