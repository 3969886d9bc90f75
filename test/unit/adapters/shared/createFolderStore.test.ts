import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSharedStore } from '../../../../src/adapters/shared/openSharedStore.ts';
import { describeSharedStore } from '../../../support/sharedStoreContract.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'forkpoint-shared-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a shared folder', () => {
  describeSharedStore(() => openSharedStore(path.join(dir, 'store')));

  it('gives what is in it the permissions of the folder, so that other users of a machine can work there too', async () => {
    const folder = await mkdtemp(path.join(dir, 'group-'));
    await chmod(folder, 0o2770);
    const before = process.umask(0o077);
    try {
      await (await openSharedStore(folder)).put('runs/r-1/plan.json', Buffer.from('{}'));
    } finally {
      process.umask(before);
    }
    const modes = ['runs', 'runs/r-1', 'runs/r-1/plan.json'].map(async (name) => {
      const { mode } = await stat(path.join(folder, name));
      return (mode & 0o7777).toString(8);
    });
    expect(await Promise.all(modes)).toEqual(['2770', '2770', '660']);
  });

  it('is one that nobody else may read where it was made here', async () => {
    const folder = path.join(dir, 'made');
    await (await openSharedStore(folder)).put('one.json', Buffer.from('{}'));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(folder, 'one.json'))).mode & 0o777).toBe(0o600);
  });

  it('keeps the first of two objects of one name, however large', async () => {
    const store = await openSharedStore(path.join(dir, 'twice'));
    for (const size of [10, 100_000]) {
      const [first, second] = [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b')];
      expect(await store.create(`blobs/${size}.json`, first)).toBe(true);
      expect(await store.create(`blobs/${size}.json`, second)).toBe(false);
      expect(Buffer.from((await store.get(`blobs/${size}.json`)) ?? '').equals(first)).toBe(true);
    }
    expect(await store.list('blobs/')).toEqual(['blobs/10.json', 'blobs/100000.json']);
  });

  it('says what is wrong with a folder that can’t be written to', async () => {
    const file = path.join(dir, 'file');
    await writeFile(file, '');
    const store = await openSharedStore(path.join(file, 'store'));
    await expect(store.put('one.json', Buffer.from('{}'))).rejects.toMatchObject({
      code: 'storage',
      hint: expect.stringContaining('mounted'),
    });
  });
});
