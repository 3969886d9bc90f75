import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SessionIndex, sessionIndexVersion } from '../../../../src/adapters/sessions/sessionIndex.ts';
import { sessionIdSchema } from '../../../../src/core/ids.ts';
import type { SessionSummary } from '../../../../src/core/session/recordedSession.ts';

const ownDatabase = `sessions-${sessionIndexVersion}.0.db`;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'forkpoint-index-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function summaryOf(title: string): SessionSummary {
  return {
    sessionId: sessionIdSchema.parse('3f2a'),
    file: '/p/3f2a.jsonl',
    projectPath: '/p',
    title,
    turns: 2,
    firstAt: null,
    lastAt: null,
    bytes: 10,
    models: [],
    costUsd: null,
    gitBranch: null,
    version: null,
    problems: 0,
  } as unknown as SessionSummary;
}

function row(file: string, title = 'Title of it') {
  return { file, state: 'a:1', summary: summaryOf(title) };
}

/** One use of the index as a process makes it. */
function withIndex<T>(use: (index: SessionIndex) => T): T {
  const index = new SessionIndex(folder);
  try {
    return use(index);
  } finally {
    index.close();
  }
}

const databases = async () => (await readdir(folder)).filter((name) => name.endsWith('.db'));

describe('summaries between processes', () => {
  test('what one put, the next one reads; null is kept apart from unknown', () => {
    withIndex((index) => index.putSummaries([row('/a'), { file: '/empty', state: 's', summary: null }]));
    const known = withIndex((index) => index.summaries());
    expect(known.get('/a')).toEqual({ state: 'a:1', summary: summaryOf('Title of it') });
    expect(known.get('/empty')).toEqual({ state: 's', summary: null });
    expect(known.has('/other')).toBe(false);
  });

  test('a later state replaces an earlier one; forgotten files are gone', () => {
    withIndex((index) => {
      index.putSummaries([row('/a'), row('/b')]);
      index.putSummaries([{ ...row('/a', 'Newer'), state: 'a:2' }]);
      index.forget(['/b']);
      expect([...index.summaries()]).toEqual([['/a', { state: 'a:2', summary: summaryOf('Newer') }]]);
    });
  });
});

describe('an index that can’t be used', () => {
  test.each([
    ['is no database', 'This is no SQLite file. '.repeat(400)],
    ['is empty', ''],
  ])('a file that %s is replaced', async (_name, content) => {
    await writeFile(join(folder, ownDatabase), content);
    withIndex((index) => index.putSummaries([row('/a')]));
    expect(withIndex((index) => index.summaries()).size).toBe(1);
  });

  test.each([0, 4096, 8192])('damage from byte %i on never gives a wrong summary', async (from) => {
    const rows = Array.from({ length: 300 }, (_, at) => row(`/f${at}`));
    withIndex((index) => index.putSummaries(rows));
    const [name] = await databases();
    const bytes = await readFile(join(folder, name as string));
    for (let at = from; at < bytes.length; at += 7) bytes[at] = (bytes[at] as number) ^ 0x15;
    await writeFile(join(folder, name as string), bytes);
    for (const [file, { summary }] of withIndex((index) => index.summaries())) {
      expect(rows.find((each) => each.file === file)?.summary).toEqual(summary);
    }
    withIndex((index) => index.putSummaries(rows));
    withIndex((index) => index.putSummaries(rows));
    expect(withIndex((index) => index.summaries()).size).toBe(rows.length);
  });

  test('a title that the disk changed is not believed', async () => {
    withIndex((index) => index.putSummaries([row('/a', 'Marker of the title'), row('/b')]));
    const [name] = await databases();
    const bytes = await readFile(join(folder, name as string), 'latin1');
    await writeFile(
      join(folder, name as string),
      bytes.replace('Marker of the title', 'Marker of the tidal'),
      'latin1',
    );
    expect([...withIndex((index) => index.summaries()).keys()]).toEqual(['/b']);
  });

  test.each([99, 1])('tables of schema %i that are not ours are left alone and replaced', async (version) => {
    const file = join(folder, ownDatabase);
    const other = new DatabaseSync(file);
    other.exec(`create table summaries (file text, state text); pragma user_version=${version}`);
    other.close();
    withIndex((index) => index.putSummaries([row('/a')]));
    expect(withIndex((index) => index.summaries()).size).toBe(1);
  });

  test('fault 30: files of older and newer releases stay, for these may still run', async () => {
    await writeFile(join(folder, 'sessions-0.3.db'), 'older');
    await writeFile(join(folder, 'sessions-7.0.db'), 'newer');
    withIndex((index) => index.putSummaries([row('/a')]));
    expect(withIndex((index) => index.summaries()).size).toBe(1);
    expect(await databases()).toEqual(['sessions-0.3.db', ownDatabase, 'sessions-7.0.db'].sort());
  });

  test('fault 31: while another process writes, reading goes on and a write is skipped', () => {
    withIndex((index) => index.putSummaries([row('/a')]));
    const other = new DatabaseSync(join(folder, ownDatabase));
    other.exec('begin immediate');
    const index = new SessionIndex(folder, { busyMs: 1 });
    index.putSummaries([row('/b')]);
    expect([...index.summaries().keys()]).toEqual(['/a']);
    other.exec('rollback');
    other.close();
    index.putSummaries([row('/b')]);
    expect([...index.summaries().keys()]).toEqual(['/a', '/b']);
    index.close();
  });

  test('where the folder can’t be made, nothing is known and nothing thrown', async () => {
    await writeFile(join(folder, 'file'), '');
    const index = new SessionIndex(join(folder, 'file', 'index'));
    index.putSummaries([row('/a')]);
    index.forget(['/a']);
    expect(index.summaries().size).toBe(0);
    index.close();
  });

  test('a file that can’t be written still serves what it holds', async () => {
    withIndex((index) => index.putSummaries([row('/a')]));
    const file = join(folder, ownDatabase);
    await chmod(file, 0o400);
    const full = new SessionIndex(folder);
    expect(full.summaries().size).toBe(1);
    full.close();
  });
});

const writer = `
  const { SessionIndex } = await import(process.argv[1]);
  const index = new SessionIndex(process.argv[2], { busyMs: 10_000 });
  const own = process.argv[3];
  console.log('ready');
  for (let at = 0; at < Number(process.argv[4]); at += 1) {
    const rows = Array.from({ length: 20 }, (_, n) => ({ file: '/' + own + '/' + (at % 50) + '/' + n, state: String(at), summary: null }));
    index.putSummaries(rows);
  }
  index.close();`;

function startWriter(name: string, rounds: number) {
  const script = new URL('../../../../src/adapters/sessions/sessionIndex.ts', import.meta.url).href;
  const flags = ['--experimental-transform-types', '--no-warnings', '--input-type=module', '-e', writer];
  return spawn(process.execPath, [...flags, script, folder, name, String(rounds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('several processes', () => {
  test('writing at once lose nothing', async () => {
    const writers = ['a', 'b', 'c'].map((name) => startWriter(name, 50));
    const codes = await Promise.all(writers.map(async (process) => (await once(process, 'exit'))[0]));
    expect(codes).toEqual([0, 0, 0]);
    expect(withIndex((index) => index.summaries()).size).toBe(3 * 50 * 20);
    expect(await databases()).toHaveLength(1);
  }, 30_000);

  test('one killed in the middle of writing leaves whole transactions only', async () => {
    const killed = startWriter('k', 1_000_000);
    await once(killed.stdout, 'data');
    // Until it has written something.
    while (withIndex((index) => index.summaries()).size === 0) await new Promise((next) => setImmediate(next));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const known = withIndex((index) => index.summaries());
    expect(known.size % 20).toBe(0);
    const states = new Map<string, Set<string>>();
    for (const [file, { state }] of known) {
      const group = file.split('/')[2] as string;
      states.set(group, (states.get(group) ?? new Set()).add(state));
    }
    for (const group of states.values()) expect(group.size).toBe(1);
    withIndex((index) => index.putSummaries([row('/after')]));
    expect(withIndex((index) => index.summaries()).has('/after')).toBe(true);
  }, 30_000);
});
