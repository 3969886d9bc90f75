import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Checkouts } from '../../src/adapters/git/checkouts.ts';

let root = '';
let repo = '';
let home = '';

const env = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Sam',
  GIT_AUTHOR_EMAIL: 'sam@example.com',
  GIT_COMMITTER_NAME: 'Sam',
  GIT_COMMITTER_EMAIL: 'sam@example.com',
};

function git(cwd: string, ...args: string[]): void {
  execFileSync('git', args, { cwd, env, stdio: 'pipe' });
}

function init(folder: string): void {
  mkdirSync(join(folder, 'docs'), { recursive: true });
  writeFileSync(join(folder, 'docs', 'page.md'), 'text');
  git(folder, 'init', '-q');
  git(folder, 'add', '.');
  git(folder, 'commit', '-q', '-m', 'first');
}

async function find(folder: string, checkouts = new Checkouts(home)) {
  return (await checkouts.find([folder])).get(folder);
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'checkouts-')));
  repo = join(root, 'repo');
  home = join(root, 'home');
  init(repo);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a folder that is there', () => {
  it('in the main checkout has no worktree', async () => {
    expect(await find(repo)).toEqual({ repository: repo, worktree: null });
    expect(await find(join(repo, 'docs'))).toEqual({ repository: repo, worktree: null });
  });

  it('in a linked worktree belongs to the main checkout', async () => {
    const worktree = join(root, 'feature');
    git(repo, 'worktree', 'add', '-q', worktree);
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
    expect(await find(join(worktree, 'docs'))).toEqual({ repository: repo, worktree });
  });

  it('in a worktree inside the repository is told from it', async () => {
    const worktree = join(repo, '.claude', 'worktrees', 'blue');
    git(repo, 'worktree', 'add', '-q', worktree);
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
  });

  it('in a worktree of a bare repository belongs to that', async () => {
    const bare = join(root, 'shared.git');
    git(root, 'clone', '-q', '--bare', repo, bare);
    const worktree = join(root, 'from-bare');
    git(bare, 'worktree', 'add', '-q', worktree);
    expect(await find(worktree)).toEqual({ repository: bare, worktree });
  });

  it('in a submodule is a repository of its own', async () => {
    git(repo, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', repo, 'inner');
    expect(await find(join(repo, 'inner'))).toEqual({ repository: join(repo, 'inner'), worktree: null });
  });

  it('outside git belongs to nothing, whatever is called .git there', async () => {
    const folder = join(root, 'plain');
    mkdirSync(join(folder, '.git'), { recursive: true });
    expect(await find(folder)).toBeNull();
    const other = join(root, 'other');
    mkdirSync(other);
    writeFileSync(join(other, '.git'), 'what is this?');
    expect(await find(other)).toBeNull();
    writeFileSync(join(other, '.git'), `gitdir: ${'x'.repeat(100_000)}`);
    expect(await find(other)).toBeNull();
    writeFileSync(join(other, '.git'), 'gitdir: //server/share/.git/worktrees/x');
    expect(await find(other)).toBeNull();
    rmSync(join(other, '.git'));
    execFileSync('/usr/bin/mkfifo', [join(other, '.git')]);
    expect(await find(other)).toBeNull();
  });

  it('runs no hook and no monitor of the repository', async () => {
    const trace = join(root, 'ran');
    const script = join(root, 'spy.sh');
    writeFileSync(script, `#!/bin/sh\ntouch ${trace}\n`);
    chmodSync(script, 0o755);
    git(repo, 'config', 'core.fsmonitor', script);
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction']) {
      writeFileSync(join(repo, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 });
    }
    await find(repo);
    expect(existsSync(trace)).toBe(false);
    // The spies work: git itself runs them.
    git(repo, 'status');
    expect(existsSync(trace)).toBe(true);
  });
});

describe('a folder that is gone', () => {
  it('is found where git has not forgotten its worktree', async () => {
    const worktree = join(root, 'feature');
    git(repo, 'worktree', 'add', '-q', worktree);
    rmSync(worktree, { recursive: true });
    const docs = join(worktree, 'docs');
    expect(await find(docs)).toBeNull();
    const found = await new Checkouts(home).find([repo, docs]);
    expect(found.get(docs)).toEqual({ repository: repo, worktree });
  });

  it('is remembered after git has forgotten it, by another process too', async () => {
    const worktree = join(root, 'feature');
    git(repo, 'worktree', 'add', '-q', worktree);
    await find(worktree);
    rmSync(worktree, { recursive: true });
    git(repo, 'worktree', 'prune');
    expect(await find(join(worktree, 'docs'))).toEqual({ repository: repo, worktree });
    rmSync(repo, { recursive: true });
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
  });

  it('stays what it was while this process runs', async () => {
    const checkouts = new Checkouts(join(root, 'home'));
    const folder = join(repo, 'docs');
    await find(folder, checkouts);
    rmSync(folder, { recursive: true });
    expect(await find(folder, checkouts)).toEqual({ repository: repo, worktree: null });
  });

  it('counts to the repository around it, a worktree of Claude Code by its name', async () => {
    expect(await find(join(repo, 'removed', 'deep'))).toEqual({ repository: repo, worktree: null });
    const blue = join(repo, '.claude', 'worktrees', 'blue');
    expect(await find(join(blue, 'docs'))).toEqual({ repository: repo, worktree: blue });
  });

  it('is found by its own file where the repository is gone', async () => {
    const worktree = join(root, 'feature');
    git(repo, 'worktree', 'add', '-q', worktree);
    rmSync(repo, { recursive: true });
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
  });

  it('belongs to nothing where nothing is known', async () => {
    expect(await find(join(root, 'never'))).toBeNull();
  });
});

describe('the memory of worktrees', () => {
  const memory = () => join(home, 'worktrees.json');

  it('keeps what another process has written meanwhile', async () => {
    git(repo, 'worktree', 'add', '-q', join(root, 'one'));
    git(repo, 'worktree', 'add', '-q', join(root, 'two'));
    const [first, second] = [new Checkouts(home), new Checkouts(home)];
    await find(repo, first);
    await find(repo, second);
    await find(join(root, 'one'), first);
    await find(join(root, 'two'), second);
    expect(Object.keys(JSON.parse(readFileSync(memory(), 'utf8')).worktrees)).toEqual([
      join(root, 'one'),
      join(root, 'two'),
    ]);
  });

  it('that is damaged or can’t be written is no error', async () => {
    const worktree = join(root, 'feature');
    git(repo, 'worktree', 'add', '-q', worktree);
    mkdirSync(home);
    writeFileSync(memory(), '{"version":9');
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
    expect(JSON.parse(readFileSync(memory(), 'utf8')).worktrees).toEqual({ [worktree]: repo });
    rmSync(home, { recursive: true });
    writeFileSync(home, 'a file where the folder should be');
    expect(await find(worktree)).toEqual({ repository: repo, worktree });
  });

  it('is not made where there is no worktree', async () => {
    await find(repo);
    expect(existsSync(home)).toBe(false);
  });
});
