import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KeyValueFiles } from '../../../src/adapters/keyValueFiles.ts';

async function folder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), 'forkpoint-values-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return path.join(made, 'storage');
}

describe('values kept as files', () => {
  it('are written one after another, without those that were superseded meanwhile', async () => {
    const at = await folder();
    const store = new KeyValueFiles(at);
    const written: string[] = [];
    const value = (name: string) => ({
      toJSON() {
        written.push(name);
        return name;
      },
    });
    await Promise.all(['one', 'two', 'three'].map((name) => store.update('drafts', value(name))));
    expect(written).toEqual(['three']);
    await store.update('drafts', value('four'));
    expect(written).toEqual(['three', 'four']);
    expect(await new KeyValueFiles(at).get('drafts')).toBe('four');
    expect(await readFile(path.join(at, 'drafts.json'), 'utf8')).toBe('"four"');
  });

  it('are absent where the file is absent or damaged', async () => {
    const at = await folder();
    const store = new KeyValueFiles(at);
    expect(await store.get('drafts')).toBeUndefined();
    await store.update('drafts', 'one');
    await writeFile(path.join(at, 'drafts.json'), '{"torn');
    expect(await store.get('drafts')).toBeUndefined();
  });

  it('keep what was there where they can’t be written, and take the next', async () => {
    const at = await folder();
    const store = new KeyValueFiles(at);
    await store.update('drafts', 'one');
    await store.update('drafts', 1n);
    expect(await store.get('drafts')).toBe('one');
    await store.update('drafts', 'two');
    expect(await store.get('drafts')).toBe('two');
  });
});
