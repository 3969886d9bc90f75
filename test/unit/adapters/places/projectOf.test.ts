import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as git from '../../../../src/adapters/git/runGit.ts';
import { projectOf } from '../../../../src/adapters/places/projectOf.ts';

vi.mock('../../../../src/adapters/git/runGit.ts', { spy: true });

let root = '';

function run(...args: string[]): string {
  const who = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@b' };
  const env = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1', ...who };
  return execFileSync('git', args, { cwd: path.join(root, 'shop'), env, encoding: 'utf8' }).trim();
}

/** Long enough ago that the clock of a file system doesn't matter. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 150));

async function timesAsked(folder: string): Promise<number> {
  vi.mocked(git.runGit).mockClear();
  await projectOf(folder);
  return vi.mocked(git.runGit).mock.calls.length;
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'project-')));
  mkdirSync(path.join(root, 'shop/src/deep'), { recursive: true });
  run('init', '-q', '-b', 'main');
  writeFileSync(path.join(root, 'shop/src/a.txt'), 'a\n');
  run('add', '-A');
  run('commit', '-qm', 'First');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('what git says of a project', () => {
  it('is asked once as long as nothing changes', async () => {
    const folder = path.join(root, 'shop/src/deep');
    await settle();
    expect(await timesAsked(folder)).toBe(1);
    writeFileSync(path.join(root, 'shop/src/a.txt'), 'b\n');
    expect(await timesAsked(folder)).toBe(0);
    expect((await projectOf(folder)).git?.head).toBe(run('rev-parse', 'HEAD'));
  });

  it.each<[string, () => void]>([
    ['a commit', () => run('commit', '-q', '--allow-empty', '-m', 'Next')],
    ['another branch', () => run('checkout', '-q', '-b', 'other')],
    ['a detached HEAD', () => run('checkout', '-q', '--detach')],
    ['refs that are packed', () => run('pack-refs', '--all')],
    [
      'a commit on a packed branch',
      () => {
        run('pack-refs', '--all');
        run('commit', '-q', '--allow-empty', '-m', 'Next');
      },
    ],
    ['a repository in between', () => execFileSync('git', ['init', '-q', path.join(root, 'shop/src')])],
    ['a repository that is gone', () => rmSync(path.join(root, 'shop/.git'), { recursive: true })],
  ])('is asked again after %s', async (_what, change) => {
    const folder = path.join(root, 'shop/src/deep');
    await settle();
    await projectOf(folder);
    expect(await timesAsked(folder)).toBe(0);
    change();
    expect(await timesAsked(folder)).toBeGreaterThan(0);
  });

  it('is not relied on while it may still be changing', async () => {
    const folder = path.join(root, 'shop');
    run('commit', '-q', '--allow-empty', '-m', 'Just now');
    await projectOf(folder);
    run('commit', '-q', '--amend', '--allow-empty', '-m', 'Once more');
    expect((await projectOf(folder)).git?.head).toBe(run('rev-parse', 'HEAD'));
  });
});
