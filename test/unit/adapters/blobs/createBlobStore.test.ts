import { mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlobStore } from '../../../../src/adapters/blobs/createBlobStore.ts';
import { StorageError } from '../../../../src/core/errors.ts';
import { blobRefSchema } from '../../../../src/core/ids.ts';

const fresh = async () => path.join(await mkdtemp(path.join(tmpdir(), 'forkpoint-blobs-')), 'blobs');

describe('the blob store', () => {
  it('gives back any JSON value, under one reference for equal ones', async () => {
    const blobs = createBlobStore(await fresh());
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const ref = await blobs.put(value);
        expect(JSON.stringify(await blobs.get(ref))).toBe(JSON.stringify(await blobs.get(await blobs.put(value))));
        expect(await blobs.put(await blobs.get(ref))).toBe(ref);
      }),
      { numRuns: 50 },
    );
    expect(await blobs.put({ a: 1, b: 2 })).toBe(await blobs.put({ b: 2, a: 1 }));
  });

  it('keeps what it stores to its user, and leaves no temporary files', async () => {
    const dir = await fresh();
    const ref = await createBlobStore(dir).put({ secret: true });
    const folder = path.join(dir, ref.slice(0, 2));
    expect(await readdir(folder)).toEqual([`${ref.slice(2)}.json`]);
    expect((await stat(path.join(folder, `${ref.slice(2)}.json`))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('says so where a value is gone or damaged, and mends it on the next put', async () => {
    const dir = await fresh();
    const blobs = createBlobStore(dir);
    await expect(blobs.get(blobRefSchema.parse('0'.repeat(64)))).rejects.toThrow(/gone/);
    const ref = await blobs.put({ kept: 'value' });
    await writeFile(path.join(dir, ref.slice(0, 2), `${ref.slice(2)}.json`), '{"kept":"vala"}');
    await expect(blobs.get(ref)).rejects.toBeInstanceOf(StorageError);
    await writeFile(path.join(dir, ref.slice(0, 2), `${ref.slice(2)}.json`), '');
    await blobs.put({ kept: 'value' });
    expect(await blobs.get(ref)).toEqual({ kept: 'value' });
  });

  it('lets two writers store the same value at once', async () => {
    const dir = await fresh();
    const refs = await Promise.all(Array.from({ length: 20 }, () => createBlobStore(dir).put({ same: 'value' })));
    expect(new Set(refs).size).toBe(1);
    expect(await createBlobStore(dir).get(refs[0] as (typeof refs)[number])).toEqual({ same: 'value' });
  });
});
