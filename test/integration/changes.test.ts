import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChangeStore } from '../../src/adapters/changes/createChangeStore.ts';
import type { ChangeStore } from '../../src/core/agent/agentPorts.ts';
import { StorageError } from '../../src/core/errors.ts';
import { runIdSchema } from '../../src/core/ids.ts';
import {
  changeSetOf,
  type FileMap,
  gitIn,
  plainFile,
  readFiles,
  shownFiles,
  statesFrom,
  writeFiles,
} from '../support/fileStates.ts';

const runId = runIdSchema.parse('r-1');
let folder: string;
let store: ChangeStore;
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'changes-'));
  store = createChangeStore(join(folder, 'places'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function freshFolder(files: FileMap = new Map()): string {
  count += 1;
  const fresh = mkdtempSync(join(folder, `tree-${count}-`));
  writeFiles(fresh, files);
  return fresh;
}

async function filesOf(from: FileMap, to: FileMap) {
  return store.files(runId, { a: null, b: await changeSetOf(store, runId, from, to) });
}

const files = (entries: Record<string, string | Uint8Array>): FileMap =>
  new Map(Object.entries(entries).map(([path, content]) => [path, plainFile(content)]));

describe('versions of changed files', () => {
  it('are git blobs of any size, stored once', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('text\r\n'), Buffer.alloc(3_000_000, 'ab')]) {
      const oid = await store.put(runId, bytes);
      const repository = join(folder, 'places', runId, 'objects.git');
      expect(gitIn(repository, ['hash-object', '--stdin'], { input: bytes.toString() }).trim()).toBe(oid);
      expect(gitIn(repository, ['cat-file', '-s', oid]).trim()).toBe(String(bytes.length));
      expect(Buffer.from(await store.read(runId, oid)).equals(bytes)).toBe(true);
      expect(await store.put(runId, bytes)).toBe(oid);
    }
    gitIn(join(folder, 'places', runId, 'objects.git'), ['fsck', '--strict']);
  });

  it('can be stored at once by many', async () => {
    const other = runIdSchema.parse('r-many');
    const many = Array.from({ length: 200 }, (_, at) => Buffer.from(`file ${at % 20}`));
    const oids = await Promise.all(many.map((bytes) => store.put(other, bytes)));
    expect(new Set(oids).size).toBe(20);
    const left = readdirSync(join(folder, 'places', other, 'objects.git'), { recursive: true }).map(String);
    expect(left.filter((name) => name.includes('tmp_obj') || name.includes('HEAD.'))).toEqual([]);
  });

  it('say when they are gone or damaged', async () => {
    await expect(store.read(runId, '0'.repeat(40))).rejects.toThrow(StorageError);
    const oid = await store.put(runId, Buffer.from('soon damaged'));
    const file = join(folder, 'places', runId, 'objects.git', 'objects', oid.slice(0, 2), oid.slice(2));
    rmSync(file);
    writeFileSync(file, 'no object');
    await expect(store.read(runId, oid)).rejects.toThrow('damaged');
  });
});

describe('what differs between two states', () => {
  it('is told with lines, renames and kinds, sorted by path', async () => {
    const body = Array.from({ length: 20 }, (_, at) => `line ${at}\n`).join('');
    const before = new Map([
      ...files({
        'moved.txt': body,
        'gone.txt': 'x\ny\n',
        'same.txt': 'same',
        'changed.txt': 'a\nb\nc\n',
        'z.bin': new Uint8Array([0, 1]),
      }),
      ['run.sh', plainFile('echo\n')] as const,
      ['link', plainFile('same.txt', '120000')] as const,
    ]);
    const after = new Map([
      ...files({
        'dir/to\there.txt': `${body}more\n`,
        'same.txt': 'same',
        'changed.txt': 'a\nB\nc\nd\n',
        'z.bin': new Uint8Array([0, 2]),
        'new.txt': 'n\n',
      }),
      ['run.sh', plainFile('echo\n', '100755')] as const,
      ['link', plainFile('now a file\n')] as const,
    ]);
    expect(await filesOf(before, after)).toEqual([
      { path: 'changed.txt', status: 'modified', added: 2, removed: 1, binary: false },
      { path: 'dir/to\there.txt', status: 'renamed', from: 'moved.txt', added: 1, removed: 0, binary: false },
      { path: 'gone.txt', status: 'deleted', added: 0, removed: 2, binary: false },
      { path: 'link', status: 'modified', added: 1, removed: 1, binary: false },
      { path: 'new.txt', status: 'added', added: 1, removed: 0, binary: false },
      { path: 'run.sh', status: 'modified', added: 0, removed: 0, binary: false },
      { path: 'z.bin', status: 'modified', added: 0, removed: 0, binary: true },
    ]);
  });

  it('is nothing between a state and itself, and between two branches that came to the same', async () => {
    const set = await changeSetOf(store, runId, files({ a: 'one' }), files({ a: 'two', b: 'new' }));
    for (const sides of [
      { a: null, b: null },
      { a: set, b: set },
    ]) {
      expect(await store.files(runId, sides)).toEqual([]);
      expect(await store.patch(runId, sides)).toBe('');
    }
  });

  it('between two branches counts a file that only one changed as the other one left it', async () => {
    const point = files({ a: 'a\n', b: 'b\n' });
    const a = await changeSetOf(store, runId, point, files({ a: 'A\n', b: 'b\n' }));
    const b = await changeSetOf(store, runId, point, files({ a: 'a\n' }));
    expect(await store.files(runId, { a, b })).toEqual([
      { path: 'a', status: 'modified', added: 1, removed: 1, binary: false },
      { path: 'b', status: 'deleted', added: 0, removed: 1, binary: false },
    ]);
  });

  it('leaves out what git can’t hold, and does not go by anybody’s settings', async () => {
    const home = process.env.HOME;
    process.env.HOME = freshFolder(
      files({ '.gitconfig': '[diff]\n\tnoprefix = true\n\texternal = false\n[core]\n\tquotePath = false\n' }),
    );
    process.env.GIT_DIR = folder;
    try {
      const set = await changeSetOf(
        store,
        runId,
        new Map(),
        files({ '.git/hooks/post-commit': 'x', 'sub/.GIT/config': 'x', 'ok.txt': 'x\n' }),
      );
      expect((await store.files(runId, { a: null, b: set })).map(({ path }) => path)).toEqual(['ok.txt']);
      expect(await store.patch(runId, { a: null, b: set })).toMatch(/^diff --git a\/ok.txt b\/ok.txt\n/);
    } finally {
      process.env.HOME = home;
      delete process.env.GIT_DIR;
    }
  });

  it('keeps a text in another encoding out of the patch’s text, and the others in it', async () => {
    const latin = Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x0a]);
    const odd = 'o"d*d\nü.txt';
    const set = await changeSetOf(
      store,
      runId,
      new Map(),
      new Map([
        [odd, plainFile(latin)],
        ['plain.txt', plainFile('plain\n')],
      ]),
    );
    const patch = await store.patch(runId, { a: null, b: set });
    expect(patch.match(/GIT binary patch/g)).toHaveLength(1);
    expect(patch).toContain('+plain\n');
    const tree = freshFolder();
    gitIn(tree, ['apply', '-'], { input: patch });
    expect(readFiles(tree).get(odd)?.bytes).toEqual(new Uint8Array(latin));
  });

  it('is a patch that makes one state of the other, whatever is in them', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(statesFrom(3), async ([point = new Map(), a = new Map(), b = new Map()]) => {
        const sides = { a: await changeSetOf(store, runId, point, a), b: await changeSetOf(store, runId, point, b) };
        const tree = freshFolder(a);
        try {
          const patch = await store.patch(runId, sides);
          if (patch !== '') gitIn(tree, ['apply', '--whitespace=nowarn', '-'], { input: patch });
          expect(shownFiles(readFiles(tree))).toEqual(shownFiles(b));
          const told = (await store.files(runId, sides)).flatMap(({ path, from }) =>
            from === undefined ? [path] : [from, path],
          );
          const same = (path: string) => shownFiles(a)[path] === shownFiles(b)[path];
          const differing = [...new Set([...a.keys(), ...b.keys()])].filter((path) => !same(path));
          expect(new Set(told)).toEqual(new Set(differing));
        } finally {
          rmSync(tree, { recursive: true, force: true });
        }
      }),
      { numRuns: Number(process.env.FORKPOINT_RUNS ?? 60) },
    );
  });
});
