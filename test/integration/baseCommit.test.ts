import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseCommitOf, commitNamed } from '../../src/adapters/git/baseCommitOf.ts';
import { BadInputError } from '../../src/core/errors.ts';
import { gitIn } from '../support/fileStates.ts';

let folder: string;
const start = Date.parse('2026-01-01T10:00:00Z');

/** Git at a second after the start. */
function git(second: number, ...args: string[]): string {
  const date = `${start / 1000 + second} +0000`;
  const who = ['-c', 'user.name=A', '-c', 'user.email=a@b'];
  return gitIn(folder, [...who, ...args], { env: { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date } }).trim();
}

function commit(second: number): string {
  writeFileSync(join(folder, 'a.txt'), String(second));
  git(second, 'add', 'a.txt');
  git(second, 'commit', '-qm', `At ${second}`);
  return git(second, 'rev-parse', 'HEAD');
}

const at = (second: number) => new Date(start + second * 1000).toISOString();
const nothing = { made: null, start: null };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'base-'));
  git(0, 'init', '-q', '-b', 'main');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the commit that a place begins from', () => {
  it('is what was checked out then, as the repository remembers', async () => {
    const [first, second, third] = [commit(10), commit(20), commit(30)];
    git(40, 'checkout', '-q', first);
    const of = async (when: number) => (await baseCommitOf(folder, { at: at(when), ...nothing })).commit;
    expect([await of(10), await of(19.9), await of(20), await of(25), await of(35)]).toEqual([
      null,
      null,
      second,
      second,
      third,
    ]);
    // It is checked out now: nothing to be done.
    expect(await baseCommitOf(folder, { at: at(50), ...nothing })).toEqual({
      commit: null,
      reason: expect.stringContaining('checked out now'),
    });
  });

  it('is the recorded one where that happened within the same second', async () => {
    const [first, second, third] = [commit(10), commit(20), commit(20.5)];
    commit(30);
    const of = async (made: string | null) => (await baseCommitOf(folder, { at: at(20.9), made, start: first })).commit;
    expect(await of(second.slice(0, 8))).toBe(second);
    expect(await of(null)).toBe(first);
    expect(await of(third)).toBe(third);
    expect((await baseCommitOf(folder, { at: at(20), ...nothing })).commit).toBe(third);
  });

  it('is the last recorded one where the repository does not remember so far back, else the first', async () => {
    const [first, second] = [commit(10), commit(20)];
    commit(30);
    git(30, 'reflog', 'expire', '--expire=all', '--all');
    const of = (made: string | null, from: string | null) => baseCommitOf(folder, { at: at(25), made, start: from });
    expect(await of(second.slice(0, 7), first)).toEqual({
      commit: second,
      reason: expect.stringContaining('as recorded'),
    });
    expect((await of('abcdef0', first.slice(0, 9))).commit).toBe(first);
    expect(await of('abcdef0', null)).toEqual({
      commit: null,
      reason: expect.stringContaining('not in the repository'),
    });
    expect(await of(null, null)).toEqual({ commit: null, reason: expect.stringContaining('names no commit') });
    expect((await of('--all', '-x')).commit).toBe(null);
  });

  it('is unknown outside of git, and before the first commit', async () => {
    expect((await baseCommitOf(folder, { at: at(1), ...nothing })).reason).toContain('no git repository with a commit');
    expect((await baseCommitOf(join(folder, 'gone'), { at: at(1), ...nothing })).commit).toBe(null);
  });

  it('can be named by a person', async () => {
    const [first] = [commit(10), commit(20)];
    expect(await commitNamed(folder, 'main~1')).toBe(first);
    expect(await commitNamed(folder, 'HEAD@{1}')).toBe(first);
    expect(await commitNamed(folder, `:/${gitIn(folder, ['log', '-1', '--format=%s', first]).trim()}`)).toMatch(
      /^[0-9a-f]{40}$/,
    );
    for (const name of ['nothing', '--all', '^main', 'main~1..main', 'main:a.txt'])
      await expect(commitNamed(folder, name)).rejects.toThrow(BadInputError);
  });
});
