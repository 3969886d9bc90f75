import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createChangeApplier } from '../../src/adapters/changes/createChangeApplier.ts';
import { createChangeStore } from '../../src/adapters/changes/createChangeStore.ts';
import type { ChangeStore } from '../../src/core/agent/agentPorts.ts';
import type { ChangeApplier, TreeFile } from '../../src/core/changes/applyChanges.ts';
import type { ChangeSet } from '../../src/core/changes/changes.ts';
import { BadInputError, StorageError } from '../../src/core/errors.ts';
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
let tree: string;
let store: ChangeStore;
let applier: ChangeApplier;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'apply-'));
  tree = join(folder, 'tree');
  mkdirSync(tree);
  // Nobody's own settings.
  vi.stubEnv('HOME', folder);
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  store = createChangeStore(join(folder, 'places'));
  applier = createChangeApplier(store);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

type Content = string | TreeFile;

function state(entries: Record<string, Content>): FileMap {
  return new Map(
    Object.entries(entries).map(([path, content]) => [
      path,
      typeof content === 'string' ? plainFile(content) : content,
    ]),
  );
}

function changes(from: Record<string, Content>, to: Record<string, Content>): Promise<ChangeSet> {
  return changeSetOf(store, runId, state(from), state(to));
}

async function plan(set: ChangeSet) {
  return applier.plan({ runId, changes: set, root: tree, name: 'b2-1' });
}

/** Plans and applies; gives the outcome by path. */
async function applied(set: ChangeSet): Promise<Record<string, string>> {
  const { files } = await applier.apply(await plan(set));
  return Object.fromEntries(
    files.map(({ path, status, conflict }) => [path, conflict === null ? status : `${status}: ${conflict}`]),
  );
}

function text(path: string): string {
  return readFileSync(join(tree, path), 'utf8');
}

const lines = (changed: Record<number, string> = {}, end = '\n') =>
  Array.from({ length: 9 }, (_, at) => (changed[at] ?? `line ${at}`) + end).join('');

describe('applying a branch to a tree', () => {
  it('makes its state of the fork point’s, whatever is in them', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(statesFrom(2), async ([from = new Map(), to = new Map()]) => {
        rmSync(tree, { recursive: true });
        mkdirSync(tree);
        writeFiles(tree, from);
        const set = await changeSetOf(store, runId, from, to);
        const result = await applier.apply(await plan(set));
        expect(result.files.filter(({ status }) => status === 'conflict')).toEqual([]);
        expect(shownFiles(readFiles(tree))).toEqual(shownFiles(to));
        expect(result.applied).toBe(set.changes.length > 0);
        // Once more, and all of it is there already.
        const again = await applier.apply(await plan(set));
        expect(again.applied).toBe(false);
        expect(again.files.every(({ status }) => status === 'unchanged')).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('merges with what a person has changed since, and keeps line ends', async () => {
    writeFiles(tree, state({ 'a.txt': lines({ 7: 'mine' }, '\r\n'), 'own.txt': 'own' }));
    const set = await changes({ 'a.txt': lines({}, '\r\n') }, { 'a.txt': lines({ 1: 'theirs' }, '\r\n') });
    expect(await applied(set)).toEqual({ 'a.txt': 'modified' });
    expect(text('a.txt')).toBe(lines({ 1: 'theirs', 7: 'mine' }, '\r\n'));
    expect(text('own.txt')).toBe('own');
  });

  it('leaves markers where both changed the same lines', async () => {
    writeFiles(tree, state({ 'a.txt': lines({ 4: 'mine' }), 'new.txt': 'my own\n' }));
    const set = await changes({ 'a.txt': lines() }, { 'a.txt': lines({ 4: 'theirs' }), 'new.txt': 'their own\n' });
    expect(await applied(set)).toEqual({
      'a.txt': expect.stringMatching(/^conflict: Both changed the same lines/),
      'new.txt': expect.stringMatching(/^conflict: Both added it/),
    });
    expect(text('a.txt')).toBe(lines({ 4: '<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> b2-1' }));
    expect(text('new.txt')).toBe('<<<<<<< yours\nmy own\n=======\ntheir own\n>>>>>>> b2-1\n');
  });

  it('writes nothing of what is no text or was deleted on one side', async () => {
    const mine = { 'a.bin': plainFile(Buffer.from([0, 9])), 'edited.txt': 'edited' };
    writeFiles(tree, state(mine));
    const set = await changes(
      { 'a.bin': plainFile(Buffer.from([0, 1])), 'edited.txt': 'was', 'gone.txt': 'was' },
      { 'a.bin': plainFile(Buffer.from([0, 2])), 'gone.txt': 'changed' },
    );
    const before = shownFiles(readFiles(tree));
    const preview = await plan(set);
    expect(preview.files.map(({ path, status }) => `${path} ${status}`)).toEqual([
      'a.bin conflict',
      'edited.txt conflict',
      'gone.txt conflict',
    ]);
    expect((await applier.apply(preview)).applied).toBe(false);
    expect(shownFiles(readFiles(tree))).toEqual(before);
  });

  it('writes nothing before it is told to, and leaves alone what changed since the preview', async () => {
    const from = { 'a.txt': 'a', 'b.txt': 'b', 'd.txt': 'd' };
    writeFiles(tree, state(from));
    const preview = await plan(await changes(from, { 'a.txt': 'A', 'b.txt': 'B', 'c.txt': 'C' }));
    expect(shownFiles(readFiles(tree))).toEqual(shownFiles(state(from)));
    expect(preview.files[0]).toEqual({
      path: 'a.txt',
      status: 'modified',
      conflict: null,
      old: plainFile('a'),
      new: plainFile('A'),
    });
    writeFileSync(join(tree, 'a.txt'), 'typed meanwhile');
    writeFileSync(join(tree, 'c.txt'), 'made meanwhile');
    chmodSync(join(tree, 'd.txt'), 0o755);
    expect((await applier.apply(preview)).files.map(({ path, status }) => `${path} ${status}`)).toEqual([
      'a.txt conflict',
      'b.txt modified',
      'c.txt conflict',
      'd.txt conflict',
    ]);
    expect(shownFiles(readFiles(tree))).toEqual(
      shownFiles(
        state({
          'a.txt': 'typed meanwhile',
          'b.txt': 'B',
          'c.txt': 'made meanwhile',
          'd.txt': plainFile('d', '100755'),
        }),
      ),
    );
  });

  it('keeps other permissions, and follows the executable bit', async () => {
    writeFiles(tree, state({ secret: 's', 'run.sh': plainFile('r', '100755') }));
    chmodSync(join(tree, 'secret'), 0o600);
    chmodSync(join(tree, 'run.sh'), 0o750);
    const set = await changes(
      { secret: 's', 'run.sh': plainFile('r', '100755') },
      { secret: plainFile('S', '100755'), 'run.sh': 'R' },
    );
    await applied(set);
    expect([statSync(join(tree, 'secret')).mode & 0o777, statSync(join(tree, 'run.sh')).mode & 0o777]).toEqual([
      0o700, 0o640,
    ]);
  });

  it('goes through no link out of the tree, into no git folder, and over no folder', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'f'), 'f');
    symlinkSync(outside, join(tree, 'link'));
    symlinkSync(join(outside, 'f'), join(tree, 'leaf'));
    mkdirSync(join(tree, '.git', 'hooks'), { recursive: true });
    symlinkSync('.git', join(tree, 'alias'));
    mkdirSync(join(tree, 'folder', 'inner'), { recursive: true });
    writeFileSync(join(tree, 'folder', 'inner', 'own'), 'own');
    const paths = [
      'link/f',
      'link/new',
      '../outside/f',
      '/tmp/never',
      '.git/hooks/post-commit',
      'alias/hooks/pre-push',
      '.GIT/config',
      'sub/../../x',
      'folder',
    ];
    const set = await changes({}, Object.fromEntries(paths.map((path) => [path, 'bad'])));
    const deleting = await changes({ 'link/f': 'f', '../outside/f': 'f' }, {});
    for (const each of [set, deleting]) {
      const result = await applier.apply(await plan(each));
      expect(result.applied).toBe(false);
      const expected = ['conflict', ...(each === deleting ? ['unchanged'] : [])];
      expect(result.files.filter(({ status }) => !expected.includes(status))).toEqual([]);
    }
    expect(shownFiles(readFiles(outside))).toEqual(shownFiles(state({ f: 'f' })));
    expect(existsSync(join(tree, '.git', 'hooks', 'post-commit'))).toBe(false);
    expect(existsSync(join(tree, '.git', 'hooks', 'pre-push'))).toBe(false);
    // A link in the file's own place is replaced, not followed.
    expect(
      await applied(await changes({ leaf: plainFile(join(outside, 'f'), '120000') }, { leaf: 'a file now' })),
    ).toEqual({ leaf: 'modified' });
    expect(lstatSync(join(tree, 'leaf')).isSymbolicLink()).toBe(false);
    expect(readFileSync(join(outside, 'f'), 'utf8')).toBe('f');
  });

  it('notices a folder that becomes a link after the preview', async () => {
    writeFiles(tree, state({ 'dir/a.txt': 'a' }));
    const preview = await plan(await changes({ 'dir/a.txt': 'a' }, { 'dir/a.txt': 'A' }));
    const outside = join(folder, 'outside');
    renameSync(join(tree, 'dir'), outside);
    symlinkSync(outside, join(tree, 'dir'));
    expect(await applier.apply(preview)).toEqual({
      applied: false,
      files: [{ path: 'dir/a.txt', status: 'conflict', conflict: 'It lies behind a symbolic link.' }],
    });
    expect(readFileSync(join(outside, 'a.txt'), 'utf8')).toBe('a');
  });

  it('says when the folder is gone', async () => {
    rmSync(tree, { recursive: true });
    await expect(plan(await changes({}, { a: 'a' }))).rejects.toThrow(StorageError);
  });
});

describe('a git branch of a branch’s files', () => {
  const start = { 'a.txt': lines(), 'gone.txt': 'gone\n', 'run.sh': 'run\n', 'kept/x': 'x' };

  function git(...args: string[]): string {
    return gitIn(tree, args, { home: folder }).trim();
  }

  beforeEach(() => {
    git('init', '-q', '-b', 'main');
    writeFiles(tree, state(start));
    writeFileSync(join(tree, '.gitignore'), '.env\nbuild/\n');
    git('add', '-A');
    git('-c', 'user.name=A', '-c', 'user.email=a@b', 'commit', '-qm', 'Start');
  });

  function commit(set: ChangeSet, more: { name?: string; base?: string; folder?: string } = {}) {
    return applier.toGitBranch({
      runId,
      changes: set,
      folder: tree,
      name: 'try/one',
      base: 'HEAD',
      message: 'What b2-1 did\n\nAll of it.',
      ...more,
    });
  }

  /** Everything of the repository that a person sees. */
  function seen() {
    return {
      status: git('status', '--porcelain=v2', '--branch'),
      head: git('rev-parse', 'HEAD'),
      staged: git('ls-files', '-s'),
      stash: git('stash', 'list'),
      reflog: git('reflog'),
      index: readFileSync(join(tree, '.git', 'index')),
      files: shownFiles(readFiles(tree)),
    };
  }

  it('takes a name in full, too', async () => {
    const set = await changes({ 'a.txt': lines() }, { 'a.txt': lines({ 4: 'theirs' }) });
    expect(await commit(set, { name: 'refs/heads/full' })).toMatchObject({ branch: 'full' });
    expect(git('for-each-ref', '--format=%(refname)').trim().split('\n')).toEqual([
      'refs/heads/full',
      'refs/heads/main',
    ]);
  });

  it('is a commit that touches neither tree nor index nor HEAD', async () => {
    writeFileSync(join(tree, 'dirty.txt'), 'dirty');
    writeFileSync(join(tree, 'a.txt'), 'staged\n');
    git('add', 'a.txt');
    writeFileSync(join(tree, '.git', 'index.lock'), '');
    const lock = () => statSync(join(tree, '.git', 'index.lock')).size;
    rmSync(join(tree, '.git', 'index.lock'));
    const before = seen();
    writeFileSync(join(tree, '.git', 'index.lock'), '');
    const { 'gone.txt': _, ...without } = start;
    const set = await changes(start, {
      ...without,
      'a.txt': lines({ 0: 'new' }),
      'run.sh': plainFile('run\n', '100755'),
      'gone.txt/now/a folder': 'f',
      link: plainFile('a.txt', '120000'),
    });
    const made = await commit(set);
    expect(lock()).toBe(0);
    rmSync(join(tree, '.git', 'index.lock'));
    expect(seen()).toEqual(before);
    expect(made).toMatchObject({ applied: true, branch: 'try/one', notes: [] });
    expect(made.files.map(({ path, status }) => `${path} ${status}`)).toEqual([
      'a.txt modified',
      'gone.txt deleted',
      'gone.txt/now/a folder added',
      'link added',
      'run.sh modified',
    ]);
    expect(git('log', '--format=%H %P %an <%ae> %cn %B', '-1', 'try/one')).toBe(
      `${made.sha} ${before.head} Forkpoint <forkpoint@localhost> Forkpoint What b2-1 did\n\nAll of it.`,
    );
    expect(
      git('ls-tree', '-r', 'try/one')
        .split('\n')
        .map((line) => line.replace(/ blob \w+\t/, ' ')),
    ).toEqual([
      '100644 .gitignore',
      '100644 a.txt',
      '100644 gone.txt/now/a folder',
      '100644 kept/x',
      '120000 link',
      '100755 run.sh',
    ]);
    expect(git('show', 'try/one:a.txt')).toBe(lines({ 0: 'new' }).trim());
  });

  it('has the person as its author, and runs no hook and no filter', async () => {
    const trap = join(folder, 'trap');
    for (const hook of ['post-commit', 'reference-transaction', 'pre-commit', 'post-index-change'])
      writeFileSync(join(tree, '.git', 'hooks', hook), `#!/bin/sh\necho ${hook} >> ${trap}\n`, { mode: 0o755 });
    git('config', 'user.name', 'Ada');
    git('config', 'user.email', 'ada@example.org');
    git('config', 'filter.tr=ap.clean', `sh -c 'echo clean >> ${trap}; cat'`);
    git('config', 'filter.tr=ap.required', 'true');
    git('config', 'core.fsmonitor', `sh -c 'echo fsmonitor >> ${trap}'`);
    writeFileSync(join(tree, '.git', 'info', 'attributes'), 'a.txt filter=tr=ap\n*.crlf text\n');
    const made = await commit(await changes(start, { ...start, 'a.txt': 'new', 'b.txt': 'b', 'w.crlf': 'one\r\n' }));
    expect(existsSync(trap)).toBe(false);
    expect(made.files).toEqual([
      { path: 'a.txt', status: 'conflict', conflict: expect.stringContaining('“tr=ap”') },
      { path: 'b.txt', status: 'added', conflict: null },
      { path: 'w.crlf', status: 'added', conflict: null },
    ]);
    expect(git('log', '--format=%an %ce', '-1', 'try/one')).toBe('Ada ada@example.org');
    // Line ends are kept as git would keep them.
    expect(gitIn(tree, ['show', 'try/one:w.crlf'], { home: folder })).toBe('one\n');
    expect(git('show', 'try/one:a.txt')).toBe(lines().trim());
  });

  it('merges where the commit is not the fork point, and takes the branch’s version where that can’t be', async () => {
    const point = { ...start, 'a.txt': lines({ 8: 'not committed' }), 'run.sh': 'dirty\n', 'untracked.txt': 'u' };
    const set = await changes(point, {
      ...point,
      'a.txt': lines({ 0: 'theirs', 8: 'not committed' }),
      'run.sh': 'theirs\n',
      'untracked.txt': 'U',
      '.env': 'SECRET=1',
      'build/out.js': 'out',
    });
    const { files, notes } = await commit(set);
    expect(files).toEqual([
      { path: 'a.txt', status: 'modified', conflict: null },
      { path: 'run.sh', status: 'modified', conflict: null },
      { path: 'untracked.txt', status: 'added', conflict: null },
    ]);
    expect(notes).toEqual([
      '2 files that git ignores are left out.',
      expect.stringMatching(/^run\.sh: .*as the branch left it/),
    ]);
    expect(git('show', 'try/one:a.txt')).toBe(lines({ 0: 'theirs' }).trim());
    expect(git('show', 'try/one:run.sh')).toBe('theirs');
    expect(git('ls-tree', '-r', '--name-only', 'try/one')).not.toMatch(/env|build/);
  });

  it('works from a folder inside of the repository', async () => {
    const made = await commit(await changes({ x: 'x' }, { x: 'X', y: 'y' }), { folder: join(tree, 'kept') });
    expect(git('diff', '--name-status', 'main', made.sha)).toBe('M\tkept/x\nA\tkept/y');
  });

  it('refuses names that git doesn’t take or has, commits that it has not, and nothing to commit', async () => {
    const set = await changes(start, { ...start, new: 'n' });
    for (const name of ['-d', '', 'a..b', 'a b', '@{-1}', 'HEAD', 'x.lock', 'a\0b', 'main', 'main/inner']) {
      await expect(commit(set, { name }), name).rejects.toThrow(BadInputError);
    }
    await expect(commit(set, { base: 'nothing' })).rejects.toThrow('has no commit');
    await expect(commit(set, { base: '--all' })).rejects.toThrow(BadInputError);
    await expect(commit(await changes(start, start))).rejects.toThrow('changed nothing');
    await expect(commit(set, { folder: join(folder, 'places') })).rejects.toThrow('not in a git repository');
    expect(git('branch', '--format=%(refname:short)')).toBe('main');
  });

  it('is made once by two at the same time', async () => {
    const set = await changes(start, { ...start, new: 'n' });
    const outcomes = await Promise.allSettled([commit(set), commit(set)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('leaves out what would make a folder of a file that the commit has', async () => {
    const { files } = await commit(
      await changes({}, { 'kept/x/below': 'b', kept: 'k', ok: 'o', '.git/config': 'bad' }),
    );
    expect(files.map(({ path, status }) => `${path} ${status}`)).toEqual([
      '.git/config conflict',
      'kept conflict',
      'kept/x/below conflict',
      'ok added',
    ]);
  });
});
