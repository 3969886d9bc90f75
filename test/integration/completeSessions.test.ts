import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSessionArchive } from '../../src/adapters/archive/createSessionArchive.ts';
import { completeSessions } from '../../src/adapters/sessionFacts/completeSessions.ts';
import { createSessionStore } from '../../src/adapters/sessions/createSessionStore.ts';
import type { SessionChange } from '../../src/core/fork/sessionStore.ts';
import { sha256, TranscriptBuilder } from '../support/transcript.ts';

let root = '';
let claudeDir = '';
let home = '';
let archiveFolder = '';

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'complete-')));
  claudeDir = join(root, 'claude');
  home = join(root, 'home');
  archiveFolder = join(home, 'archive');
  mkdirSync(claudeDir);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const store = (claudeDirs = [claudeDir]) =>
  completeSessions(createSessionStore({ claudeDirs, archive: archiveFolder, sha256 }), {
    archive: archiveFolder,
    home,
  });

const archive = (claudeDirs = [claudeDir]) =>
  createSessionArchive({ folder: archiveFolder, claudeDirs, clock: { now: Date.now } });

function conversation(sessionId: string, prompts: readonly string[], cwd?: string): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId, ...(cwd !== undefined && { cwd }) });
  for (const prompt of prompts) {
    builder.prompt(prompt);
    builder.reply('Done.');
  }
  return builder;
}

function write(text: string, sessionId: string, folder = '-work', config = claudeDir): string {
  const file = join(config, 'projects', folder, `${sessionId}.jsonl`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const session = (sessionId: string, cwd?: string) => write(conversation(sessionId, ['One'], cwd).text(), sessionId);

async function listed(options?: Parameters<ReturnType<typeof store>['list']>[0]): Promise<string[]> {
  return (await store().list(options)).map(({ sessionId }) => sessionId).sort();
}

it('tells what a fork itself has cost: one of Claude Code goes on from the total of its source, a branch from nothing', async () => {
  const source = conversation('source', ['One']);
  const forkOf = (sessionId: string, totalCostUSD: number): void => {
    const builder = conversation(sessionId, ['One', 'Two']);
    builder.unchained('cost-state', { totalCostUSD });
    const origin = { sessionId: 'source', messageUuid: 'any' };
    const lines = builder.text().trimEnd().split('\n');
    const told = lines.map((line) => JSON.stringify({ ...(JSON.parse(line) as object), forkedFrom: origin }));
    write(`${told.join('\n')}\n`, sessionId);
  };
  source.unchained('cost-state', { totalCostUSD: 0.25 });
  write(source.text(), 'source');
  forkOf('11111111-1111-4111-8111-111111111111', 0.75);
  forkOf('22222222-2222-8222-8222-222222222222', 0.125);
  const costs = (await store().list()).map(({ sessionId, costUsd }) => [sessionId.slice(0, 8), costUsd]);
  expect(Object.fromEntries(costs)).toEqual({ source: 0.25, 11111111: 0.5, 22222222: 0.125 });
});

describe('kept sessions', () => {
  it('are listed once, marked, and not at all as folders', async () => {
    const file = session('aaaa');
    session('bbbb');
    await archive().keep(file);
    const found = await store().list();
    expect(
      found.map(({ file: at, kept, archived }) => [basename(at), at.startsWith(claudeDir), kept, archived]),
    ).toEqual([
      ['aaaa.jsonl', true, true, false],
      ['bbbb.jsonl', true, false, false],
    ]);
    expect(store().folders).toEqual([join(claudeDir, 'projects')]);
  });

  it('are there when the original is gone: listed, opened, forked', async () => {
    const file = session('aaaa');
    const { file: copy } = await archive().keep(file);
    const [before] = await store().list();
    rmSync(claudeDir, { recursive: true });
    const [after] = await store().list();
    expect(after).toEqual({ ...before, file: copy, archived: true, expiresAt: null });
    const open = await store().open('aaaa');
    expect(open.session.summary).toEqual(after);
    expect((await store().open(file)).session.summary).toEqual(after);
    await expect(store().open(join(dirname(file), 'never.jsonl'))).rejects.toThrow('never.jsonl');
    expect((await open.turns([1]))[0]?.prompt).toBe('One');
    expect((await open.forkAt({ turn: 1 })).point).toMatchObject({ turnIndex: 1 });
  });

  it('of two config folders are not taken for each other', async () => {
    const second = join(root, 'second');
    session('aaaa');
    write(conversation('aaaa', ['One']).text(), 'aaaa', '-elsewhere', second);
    await archive([claudeDir, second]).keep(join(second, 'projects', '-elsewhere', 'aaaa.jsonl'));
    const found = await store([claudeDir, second]).list();
    expect(Object.fromEntries(found.map(({ file, kept }) => [basename(dirname(file)), kept]))).toEqual({
      '-elsewhere': true,
      '-work': false,
    });
  });

  it('count for the limit once', async () => {
    for (const id of ['aaaa', 'bbbb', 'cccc']) await archive().keep(session(id));
    expect(await store().list({ limit: 2 })).toHaveLength(2);
  });
});

describe('the end that Claude Code sets a session', () => {
  const day = 24 * 60 * 60 * 1000;
  const at = new Date('2026-11-01T00:00:00.000Z');
  const expiry = async (settings?: string) => {
    const file = session('aaaa');
    utimesSync(file, at, at);
    if (settings !== undefined) writeFileSync(join(claudeDir, 'settings.json'), settings);
    return (await store().list())[0]?.expiresAt;
  };

  it.each([
    ['no settings', undefined, 30],
    ['settings without it', '{"model":"opus"}', 30],
    ['its own period', '{"cleanupPeriodDays":7}', 7],
    ['a long period', '{"cleanupPeriodDays":3650}', 3650],
    ['as good as never', '{"cleanupPeriodDays":999999999999}', null],
    ['a value that Claude Code refuses', '{"cleanupPeriodDays":0}', null],
    ['a wrong type', '{"cleanupPeriodDays":"7"}', null],
    ['settings that can’t be read', '{"cleanupPeriodDays":7', null],
  ])('with %s', async (_name, settings, days) => {
    expect(await expiry(settings)).toBe(days === null ? null : new Date(at.getTime() + days * day).toISOString());
  });
});

describe('worktrees', () => {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null' };
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Sam', '-c', 'user.email=sam@example.com', ...args], {
      cwd,
      env,
      stdio: 'pipe',
    });
  let repo = '';
  let worktree = '';

  beforeEach(() => {
    repo = join(root, 'repo');
    worktree = join(root, 'feature');
    mkdirSync(join(repo, 'docs'), { recursive: true });
    writeFileSync(join(repo, 'docs', 'page.md'), 'text');
    git(repo, 'init', '-q');
    git(repo, 'add', '.');
    git(repo, 'commit', '-q', '-m', 'first');
    git(repo, 'worktree', 'add', '-q', worktree);
    mkdirSync(join(root, 'repository-two'));
    session('main', repo);
    session('docs', join(repo, 'docs'));
    session('feature', worktree);
    session('feature-docs', join(worktree, 'docs'));
    session('other', join(root, 'repository-two'));
  });

  it('are named with their repository', async () => {
    const places = (await store().list()).map(({ sessionId, repository, worktree: tree }) => [
      sessionId,
      repository,
      tree,
    ]);
    expect(places.toSorted(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))).toEqual([
      ['docs', repo, null],
      ['feature', repo, worktree],
      ['feature-docs', repo, worktree],
      ['main', repo, null],
      ['other', null, null],
    ]);
  });

  it('are one project, asked from any of them', async () => {
    const all = ['docs', 'feature', 'feature-docs', 'main'];
    expect(await listed({ project: repo })).toEqual(all);
    expect(await listed({ project: worktree })).toEqual(all);
    expect(await listed({ project: join(worktree, 'docs') })).toEqual(['docs', 'feature-docs']);
    expect(await listed({ project: join(repo, 'docs') })).toEqual(['docs', 'feature-docs']);
    expect(await listed({ project: join(root, 'repository') })).toEqual([]);
  });

  it('still are when the folder is gone and git has forgotten it', async () => {
    await store().list();
    rmSync(worktree, { recursive: true });
    git(repo, 'worktree', 'prune');
    expect(await listed({ project: repo })).toEqual(['docs', 'feature', 'feature-docs', 'main']);
    expect(await listed({ project: worktree })).toEqual(['docs', 'feature', 'feature-docs', 'main']);
    const { session: opened } = await store().open('feature');
    expect(opened.summary).toMatchObject({ repository: repo, worktree });
  });
});

describe('families', () => {
  /** What the command line's `--fork-session` writes: the same ids under another session, the origin in the replies. */
  function cliFork(parent: TranscriptBuilder, sessionId: string, says = true): TranscriptBuilder {
    const fork = new TranscriptBuilder({ sessionId });
    for (const line of parent.lines) {
      const origin = line['requestSessionId'] ?? line['sessionId'];
      fork.lines.push({
        ...line,
        sessionId,
        ...(says && line['type'] === 'assistant' && { requestSessionId: origin }),
      });
    }
    return fork.goTo(parent.last);
  }

  it('of forks by the command line: which session, and its last message that both have', async () => {
    const parent = conversation('parent', ['One', 'Two']);
    const fork = cliFork(parent, 'fork');
    const copied = parent.last;
    fork.chained('attachment', { attachment: { type: 'date' } }, copied);
    write(parent.text(), 'parent');
    write(fork.text(), 'fork');
    const [a, b] = (await store().list()).sort((x, y) => (x.sessionId < y.sessionId ? -1 : 1));
    expect(a?.forkedFrom).toEqual({ sessionId: 'parent', messageUuid: copied });
    expect(b?.forkedFrom).toBeNull();
  });

  it('of forks of forks name the nearest parent', async () => {
    const parent = conversation('parent', ['One']);
    const child = cliFork(parent, 'child');
    const own = child.chained('assistant', {
      message: { id: 'msg_own', role: 'assistant', content: [{ type: 'text', text: 'Own.' }] },
    });
    const grandchild = cliFork(child, 'grandchild');
    for (const each of [parent, child, grandchild]) write(each.text(), each.sessionId);
    const found = new Map((await store().list()).map(({ sessionId, forkedFrom }) => [sessionId as string, forkedFrom]));
    expect(found.get('grandchild')).toEqual({ sessionId: 'child', messageUuid: own });
    expect(found.get('child')?.sessionId).toBe('parent');
  });

  /** Writes files so that the system dates them one after the other. */
  function writeInOrder(...builders: TranscriptBuilder[]): void {
    let last = 0;
    for (const builder of builders) {
      let file = write(builder.text(), builder.sessionId);
      // File systems date coarsely.
      while (statSync(file).birthtimeMs <= last) {
        rmSync(file);
        file = write(builder.text(), builder.sessionId);
      }
      last = statSync(file).birthtimeMs;
    }
  }

  const origins = async () =>
    Object.fromEntries((await store().list()).map(({ sessionId, forkedFrom }) => [sessionId, forkedFrom]));

  it('of versions that copied without a word: by age and by what they share', async () => {
    const parent = conversation('zzzz', ['One', 'Two']);
    const child = cliFork(parent, 'child', false);
    child.lines.splice(2);
    const cut = child.lines[1]?.['uuid'];
    child.lines.push({ ...parent.lines[1], uuid: 'own-1', parentUuid: cut, sessionId: 'child' });
    const grandchild = cliFork(child, 'aaaa', false);
    grandchild.lines.push({ ...parent.lines[1], uuid: 'own-2', parentUuid: 'own-1', sessionId: 'aaaa' });
    writeInOrder(parent, child, grandchild);
    const expected = {
      zzzz: null,
      child: { sessionId: 'zzzz', messageUuid: cut },
      aaaa: { sessionId: 'child', messageUuid: 'own-1' },
    };
    expect(await origins()).toEqual(expected);
    // What was found out once is known, also when the others are gone.
    rmSync(join(claudeDir, 'projects', '-work', 'zzzz.jsonl'));
    rmSync(join(claudeDir, 'projects', '-work', 'child.jsonl'));
    expect(await origins()).toEqual({ aaaa: expected.aaaa });
    rmSync(home, { recursive: true });
    expect(await origins()).toEqual({ aaaa: null });
  });

  it('of forks behind a compaction, which begin in the middle of their parents', async () => {
    const parent = conversation('parent', ['One']);
    const boundary = parent.chained('system', { subtype: 'compact_boundary', logicalParentUuid: parent.last }, null);
    parent.prompt('Go on');
    const [reply] = parent.reply('Done.');
    const fork = cliFork(parent, 'fork', false);
    fork.lines.splice(
      0,
      fork.lines.findIndex(({ uuid }) => uuid === boundary),
    );
    // The fork's file is the older one here: what has more history is the parent all the same.
    writeInOrder(fork, parent);
    expect(await origins()).toEqual({ parent: null, fork: { sessionId: 'parent', messageUuid: reply } });
  });

  it('of the SDK’s forks, also where the parent is gone', async () => {
    const builder = new TranscriptBuilder({ sessionId: 'fork' });
    const from = (messageUuid: string) => ({ forkedFrom: { sessionId: 'parent', messageUuid } });
    builder.prompt('One "forkedFrom":{ and "requestSessionId":" in a text', from('p1'));
    builder.reply('Done.', [], { fields: from('p2') });
    builder.chained('attachment', { attachment: { type: 'date' }, ...from('p3') });
    builder.prompt('Its own');
    builder.reply('x'.repeat(3_000_000));
    const file = write(builder.text(), 'fork');
    const [fork] = await store().list();
    expect(fork?.forkedFrom).toEqual({ sessionId: 'parent', messageUuid: 'p2' });
    expect((await store().open(file)).session.summary).toEqual(fork);
  });

  it('are not made of copies of one session', async () => {
    await archive().keep(session('aaaa'));
    write(readFileSync(join(claudeDir, 'projects', '-work', 'aaaa.jsonl'), 'utf8'), 'aaaa', '-moved');
    expect((await store().list()).map(({ forkedFrom }) => forkedFrom)).toEqual([null, null]);
  });
});

describe('watch', () => {
  /** Changes as they come; `until` waits for one that fits. */
  function watched() {
    const sessions = store();
    const changes: SessionChange[] = [];
    const waiting: { fits: (change: SessionChange) => boolean; resolve: (change: SessionChange) => void }[] = [];
    const watch = sessions.watch((change) => {
      changes.push(change);
      for (const { fits, resolve } of waiting) if (fits(change)) resolve(change);
    });
    const until = (fits: (change: SessionChange) => boolean): Promise<SessionChange> => {
      const seen = changes.find(fits);
      return seen === undefined ? new Promise((resolve) => waiting.push({ fits, resolve })) : Promise.resolve(seen);
    };
    return { sessions, changes, watch, until };
  }

  it('tells that a session is kept now, of its own row only', async () => {
    const file = session('aaaa');
    const { sessions, changes, watch, until } = watched();
    await sessions.list();
    await archive().keep(file);
    await until((change) => change.kind === 'changed' && change.session.file === file && change.session.kept);
    await archive().forget(file);
    await until((change) => change.kind === 'changed' && change.session.file === file && !change.session.kept);
    watch.dispose();
    expect(changes.filter((change) => change.kind === 'removed' || change.session.file !== file)).toEqual([]);
  });

  it('shows the copy when the original goes, and the original when it comes back', async () => {
    const file = session('aaaa');
    const { file: copy } = await archive().keep(file);
    const { sessions, watch, until } = watched();
    await sessions.list();
    renameSync(file, `${file}.away`);
    await until((change) => change.kind === 'removed' && change.file === file);
    await until((change) => change.kind === 'changed' && change.session.file === copy && change.session.archived);
    renameSync(`${file}.away`, file);
    await until((change) => change.kind === 'removed' && change.file === copy);
    await until((change) => change.kind === 'changed' && change.session.file === file && change.session.kept);
    watch.dispose();
    expect((await sessions.list()).map((each) => each.file)).toEqual([file]);
  });

  it('tells of a new session with its family and repository', async () => {
    const parent = conversation('parent', ['One']);
    write(parent.text(), 'parent');
    const { sessions, watch, until } = watched();
    await sessions.list();
    const fork = parent.lines.map((line) => ({
      ...line,
      sessionId: 'fork',
      ...(line['type'] === 'assistant' && { requestSessionId: 'parent' }),
    }));
    write(fork.map((line) => `${JSON.stringify(line)}\n`).join(''), 'fork');
    const change = await until((each) => each.kind === 'changed' && each.session.sessionId === 'fork');
    expect(change.kind === 'changed' && change.session.forkedFrom?.sessionId).toBe('parent');
    appendFileSync(join(claudeDir, 'projects', '-work', 'parent.jsonl'), `${JSON.stringify({ type: 'mode' })}\n`);
    const grown = await until((each) => each.kind === 'changed' && each.session.sessionId === 'parent');
    expect(grown.kind === 'changed' && grown.session.forkedFrom).toBeNull();
    watch.dispose();
  });
});
