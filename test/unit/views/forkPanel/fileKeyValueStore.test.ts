import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Uri } from 'vscode';
import { FileKeyValueStore } from '../../../../src/views/forkPanel/fileKeyValueStore.ts';
import { FakeUri } from '../support/fakeUri.ts';

const disk = vi.hoisted(() => ({
  files: new Map<string, string>(),
  written: [] as string[],
  go: [] as (() => void)[],
}));

vi.mock('vscode', async () => {
  const { FakeUri } = await import('../support/fakeUri.ts');
  return {
    Uri: FakeUri,
    workspace: {
      fs: {
        readFile: async ({ path }: Uri) => {
          const text = disk.files.get(path);
          if (text === undefined) throw new Error('absent');
          return new TextEncoder().encode(text);
        },
        writeFile: async ({ path }: Uri, bytes: Uint8Array) => {
          const text = new TextDecoder().decode(bytes);
          disk.written.push(text);
          await new Promise<void>((resolve) => disk.go.push(resolve));
          disk.files.set(path, text);
        },
        rename: async (from: Uri, to: Uri) => {
          disk.files.set(to.path, disk.files.get(from.path) ?? '');
          disk.files.delete(from.path);
        },
      },
    },
  };
});

beforeEach(() => {
  disk.files.clear();
  disk.written.length = 0;
  disk.go.length = 0;
});

describe('values kept as files', () => {
  it('are written one after another, without those that were superseded meanwhile', async () => {
    const store = new FileKeyValueStore(FakeUri.file('/storage') as unknown as Uri);
    const first = store.update('drafts', 'one');
    await expect.poll(() => disk.written).toEqual(['"one"']);
    const later = ['two', 'three'].map((value) => store.update('drafts', value));
    disk.go.shift()?.();
    await expect.poll(() => disk.written).toEqual(['"one"', '"three"']);
    disk.go.shift()?.();
    await Promise.all([first, ...later]);
    expect(disk.written).toHaveLength(2);
    expect(await store.get('drafts')).toBe('three');
  });

  it('are absent where the file is absent or damaged', async () => {
    const store = new FileKeyValueStore(FakeUri.file('/storage') as unknown as Uri);
    expect(await store.get('drafts')).toBeUndefined();
    disk.files.set('/storage/drafts.json', '{"torn');
    expect(await store.get('drafts')).toBeUndefined();
  });
});
