import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import type { ChangeStore } from '../../src/core/agent/agentPorts.ts';
import type { TreeFile } from '../../src/core/changes/applyChanges.ts';
import type { ChangeSet, FileVersion } from '../../src/core/changes/changes.ts';
import type { RunId } from '../../src/core/ids.ts';

/** The files of a folder by path. */
export type FileMap = ReadonlyMap<string, TreeFile>;

export function plainFile(content: string | Uint8Array, mode: TreeFile['mode'] = '100644'): TreeFile {
  return { mode, bytes: new Uint8Array(Buffer.from(content)) };
}

const names = [
  'a',
  'b',
  'dir',
  'sp ace',
  'quo"te',
  'new\nline',
  'tab\tbed',
  'gründlich',
  '*?[x]',
  '-dash',
  'back\\slash',
];
const pathOf = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));

const line = fc.constantFrom('one', 'two', 'three', '', 'vier é', '+plus', '-minus', '@@ -1 +1 @@', '\\ No newline');
const text = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom('\n', '\r\n', '\r'), fc.boolean())
  .map(([lines, end, ended]) => Buffer.from(lines.join(end) + (ended && lines.length > 0 ? end : '')));
const contents = fc.oneof(
  { weight: 6, arbitrary: text },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: text.map((bytes) => Buffer.concat([bytes, Buffer.from([0xe9, 0x0a])])) },
  { weight: 1, arbitrary: text.map((bytes) => Buffer.concat([bytes, Buffer.from([0])])) },
);
const fileOf = fc.oneof(
  { weight: 8, arbitrary: fc.record({ mode: fc.constantFrom('100644' as const, '100755' as const), bytes: contents }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('target', '../up', 'ünder').map((to) => plainFile(to, '120000')),
  },
);

/** Without files that another file would have to be a folder for. */
function possible(files: FileMap): FileMap {
  const isFolder = (path: string) => [...files.keys()].some((other) => other.startsWith(`${path}/`));
  return new Map(
    [...files]
      .filter(([path]) => !isFolder(path))
      .map(([path, { mode, bytes }]) => [path, { mode, bytes: new Uint8Array(bytes) }]),
  );
}

const anyState = fc
  .array(fc.tuple(pathOf, fileOf), { maxLength: 6 })
  .map((files) => possible(new Map<string, TreeFile>(files)));

/** A state, and others that came of it: some files kept, some changed, moved or deleted, some new. */
export function statesFrom(count: number): fc.Arbitrary<FileMap[]> {
  const later = (from: FileMap) =>
    fc
      .tuple(
        anyState,
        fc.array(fc.constantFrom('keep', 'keep', 'keep', 'drop', 'move', 'mode'), { minLength: 6, maxLength: 6 }),
        pathOf,
      )
      .map(([added, fates, to]) => {
        const files = new Map<string, TreeFile>();
        [...from].forEach(([path, file], at) => {
          const fate = fates[at % 6];
          if (fate === 'keep') files.set(path, file);
          if (fate === 'move') files.set(to, file);
          if (fate === 'mode')
            files.set(
              path,
              file.mode === '120000' ? file : { ...file, mode: file.mode === '100644' ? '100755' : '100644' },
            );
        });
        for (const [path, file] of added) files.set(path, file);
        return possible(files);
      });
  return anyState.chain((first) =>
    fc.tuple(...Array.from({ length: count - 1 }, () => later(first))).map((more) => [first, ...more]),
  );
}

export function writeFiles(root: string, files: FileMap): void {
  for (const [path, { mode, bytes }] of files) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (mode === '120000') symlinkSync(Buffer.from(bytes), file);
    else {
      writeFileSync(file, bytes);
      chmodSync(file, mode === '100755' ? 0o755 : 0o644);
    }
  }
}

/** All files below a folder but those of git. */
export function readFiles(root: string, below = ''): Map<string, TreeFile> {
  const files = new Map<string, TreeFile>();
  for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (path === '.git') continue;
    const file = join(root, path);
    if (entry.isDirectory()) for (const each of readFiles(root, path)) files.set(...each);
    else if (entry.isSymbolicLink()) files.set(path, plainFile(readlinkSync(file, 'buffer'), '120000'));
    else files.set(path, plainFile(readFileSync(file), lstatSync(file).mode & 0o100 ? '100755' : '100644'));
  }
  return files;
}

/** Files as text that compares well: `100644 "text"` by path, sorted. */
export function shownFiles(files: FileMap): Record<string, string> {
  const shown = [...files].map(([path, { mode, bytes }]) => [
    path,
    `${mode} ${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`,
  ]);
  return Object.fromEntries(shown.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

/** What differs between two states, its versions put into the store. */
export async function changeSetOf(store: ChangeStore, runId: RunId, from: FileMap, to: FileMap): Promise<ChangeSet> {
  const version = async (file: TreeFile | undefined): Promise<FileVersion | null> =>
    file === undefined ? null : { oid: await store.put(runId, file.bytes), mode: file.mode, bytes: file.bytes.length };
  const changes: ChangeSet['changes'] = [];
  for (const path of [...new Set([...from.keys(), ...to.keys()])].sort()) {
    const [before, after] = [await version(from.get(path)), await version(to.get(path))];
    if (before?.oid !== after?.oid || before?.mode !== after?.mode) changes.push({ path, before, after });
  }
  return { root: '/work/slug', changes, notes: [] };
}

/** Git as in a fresh home: nobody's settings. */
export function gitIn(
  folder: string,
  args: readonly string[],
  options: { input?: string; home?: string; env?: Record<string, string> } = {},
): string {
  const env = {
    PATH: process.env.PATH,
    HOME: options.home ?? folder,
    GIT_CONFIG_NOSYSTEM: '1',
    LC_ALL: 'C',
    ...options.env,
  };
  return execFileSync('git', args, { cwd: folder, env, encoding: 'utf8', input: options.input, stdio: 'pipe' });
}
