import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { committedFiles } from '../../../../src/adapters/files/committedFiles.ts';
import { createFileSources } from '../../../../src/adapters/files/createFileSources.ts';
import type { StartState } from '../../../../src/core/files/startState.ts';

let root = '';
let repository = '';
let head = '';

function git(...args: string[]): string {
  const who = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' };
  const at = { GIT_AUTHOR_DATE: '2026-01-01T09:00:00Z', GIT_COMMITTER_DATE: '2026-01-01T09:00:00Z' };
  const env = { PATH: process.env.PATH, HOME: root, GIT_CONFIG_NOSYSTEM: '1', ...who, ...at };
  return execFileSync('git', args, { cwd: repository, env, encoding: 'utf8' }).trim();
}

function commit(message: string): string {
  git('add', '-A');
  git('commit', '-q', '-m', message);
  return git('rev-parse', 'HEAD');
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'committed-')));
  repository = join(root, 'repository');
  mkdirSync(join(repository, 'sub'), { recursive: true });
  git('init', '-q', '-b', 'main');
  git('config', 'core.autocrlf', 'false');
  writeFileSync(join(repository, 'crlf.txt'), 'one\r\ntwo\r\n');
  writeFileSync(join(repository, 'sub', 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(repository, 'sub', 'run.sh'), 0o755);
  symlinkSync('crlf.txt', join(repository, 'link.txt'));
  head = commit('Start');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

function start(more: Partial<StartState> = {}): StartState {
  return { commit: head.slice(0, 7), branch: 'main', at: '2026-01-01T10:00:00.000Z', changed: null, ...more };
}

function read(file: string, options: { folder?: string | null; start?: StartState } = {}) {
  const { folder = repository, start: from = start() } = options;
  return committedFiles(folder, from)(file);
}

describe('files of the commit that a session began from', () => {
  it('are its very bytes, with their mode', async () => {
    writeFileSync(join(repository, 'crlf.txt'), 'changed since\n');
    expect(await read(join(repository, 'crlf.txt'))).toEqual({
      bytes: new Uint8Array(Buffer.from('one\r\ntwo\r\n')),
      mode: 0o644,
      ref: `${head.slice(0, 12)}:crlf.txt`,
    });
    expect(await read(join(repository, 'sub', 'run.sh'))).toMatchObject({ mode: 0o755 });
  });

  it('are found by names with line ends, and in folders of such names', async () => {
    const folder = join(repository, 'two\nlines');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a\nb.txt'), 'there\n');
    const from = start({ commit: commit('Odd names') });
    const there = { bytes: new Uint8Array(Buffer.from('there\n')) };
    expect(await read(join(folder, 'a\nb.txt'), { start: from })).toMatchObject(there);
    expect(await read(join(folder, 'a\nb.txt'), { start: from, folder })).toMatchObject(there);
    expect(await read(join(folder, 'none\n.txt'), { start: from })).toMatchObject({ absent: true });
  });

  it('are not known, rather than absent, where the repository lacks a folder of the commit', async () => {
    const tree = git('rev-parse', `${head}:sub`);
    rmSync(join(repository, '.git', 'objects', tree.slice(0, 2), tree.slice(2)));
    expect(await read(join(repository, 'sub', 'run.sh'))).toEqual({ unknown: 'git could not read the commit.' });
  });

  it('are found from a folder inside the repository too', async () => {
    const folder = join(repository, 'sub');
    expect(await read(join(folder, 'run.sh'), { folder })).toMatchObject({ ref: `${head.slice(0, 12)}:sub/run.sh` });
    expect(await read(join(repository, 'crlf.txt'), { folder })).toMatchObject({
      ref: `${head.slice(0, 12)}:crlf.txt`,
    });
  });

  it('are absent where the commit has none of that name', async () => {
    expect(await read(join(repository, 'new.txt'))).toEqual({ absent: true, ref: `${head.slice(0, 12)}:new.txt` });
    expect(await read(join(repository, '*.txt'))).toMatchObject({ absent: true });
    expect(await read(join(repository, '--help'))).toMatchObject({ absent: true });
    expect(await read(join(repository, ':(top)crlf.txt'))).toMatchObject({ absent: true });
  });

  it.each(['/etc/passwd', '/outside.txt'])('are not known out of the repository: %s', async (file) => {
    expect(await read(file)).toEqual({ unknown: 'It lies outside of the repository.' });
  });

  it('are not known where the commit has a link or a folder', async () => {
    expect(await read(join(repository, 'link.txt'))).toEqual({ unknown: expect.stringContaining('link') });
    expect(await read(join(repository, 'sub'))).toEqual({ unknown: expect.stringContaining('folder') });
  });

  it('are not known where the commit only points to Git LFS', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n';
    writeFileSync(join(repository, 'large.bin'), pointer);
    head = commit('Large');
    expect(await read(join(repository, 'large.bin'))).toEqual({ unknown: expect.stringContaining('LFS') });
  });

  it('come from the newest commit before the session where its id is not recorded', async () => {
    expect(await read(join(repository, 'crlf.txt'), { start: start({ commit: null }) })).toMatchObject({ mode: 0o644 });
    expect(await read(join(repository, 'crlf.txt'), { start: start({ commit: null, branch: null }) })).toMatchObject({
      mode: 0o644,
    });
    const early = start({ commit: null, at: '2025-01-01T00:00:00.000Z' });
    expect(await read(join(repository, 'crlf.txt'), { start: early })).toEqual({
      unknown: expect.stringContaining('commit'),
    });
  });

  it.each<[string, Partial<StartState>]>([
    ['the commit is gone', { commit: 'deadbee' }],
    ['the branch is gone', { commit: null, branch: 'gone' }],
    ['nothing says when', { commit: null, at: null }],
  ])('are not known where %s', async (_name, more) => {
    expect(await read(join(repository, 'crlf.txt'), { start: start(more) })).toEqual({
      unknown: expect.stringContaining('commit'),
    });
  });

  it('are not known without a repository, or without its folder', async () => {
    const plain = join(root, 'plain');
    mkdirSync(plain);
    expect(await read(join(plain, 'a.txt'), { folder: plain })).toEqual({
      unknown: expect.stringContaining('not in a git repository'),
    });
    const gone = join(root, 'gone');
    expect(await read(join(gone, 'a.txt'), { folder: gone })).toEqual({
      unknown: expect.stringContaining('not there any more'),
    });
    expect(await read('/a.txt', { folder: null })).toEqual({ unknown: expect.stringContaining('names no folder') });
  });

  it('are read without running anything that the repository configures', async () => {
    const trap = join(root, 'trapped');
    const script = join(root, 'trap.sh');
    writeFileSync(script, `#!/bin/sh\necho ran > ${trap}\ncat\n`, { mode: 0o755 });
    mkdirSync(join(repository, '.git', 'hooks'), { recursive: true });
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction', 'fsmonitor-watchman'])
      writeFileSync(join(repository, '.git', 'hooks', hook), `#!/bin/sh\necho ran > ${trap}\n`, { mode: 0o755 });
    for (const [key, value] of [
      ['core.fsmonitor', script],
      ['core.pager', script],
      ['core.sshCommand', script],
      ['filter.trap.smudge', script],
      ['diff.trap.textconv', script],
      ['log.showSignature', 'true'],
      ['gpg.program', script],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.url', `ext::${script}`],
      ['protocol.ext.allow', 'always'],
    ] as const)
      git('config', key, value);
    writeFileSync(join(repository, '.git', 'info', 'attributes'), '* filter=trap diff=trap\n');
    expect(await read(join(repository, 'crlf.txt'))).toMatchObject({ mode: 0o644 });
    expect(await read(join(repository, 'crlf.txt'), { start: start({ commit: null }) })).toMatchObject({ mode: 0o644 });
    expect(await read(join(repository, 'crlf.txt'), { start: start({ commit: 'deadbee' }) })).toMatchObject({
      unknown: expect.anything(),
    });
    // An object that is missing is not fetched either.
    const id = git('rev-parse', 'HEAD:sub/run.sh');
    rmSync(join(repository, '.git', 'objects', id.slice(0, 2), id.slice(2)));
    expect(await read(join(repository, 'sub', 'run.sh'))).toMatchObject({ unknown: expect.anything() });
    expect(existsSync(trap)).toBe(false);
  });

  it('do not come from another repository that the environment names', async () => {
    vi.stubEnv('GIT_DIR', join(root, 'elsewhere'));
    vi.stubEnv('GIT_WORK_TREE', root);
    expect(await read(join(repository, 'crlf.txt'))).toMatchObject({ mode: 0o644 });
  });

  it('are not asked for where no process may be started', async () => {
    const session = { file: '/c/projects/p/s.jsonl', sessionIds: ['s'], folder: repository, start: start() };
    const sources = createFileSources(session, { git: false });
    expect(await sources.committed(join(repository, 'crlf.txt'))).toEqual({
      unknown: expect.stringContaining('not trusted'),
    });
  });
});
