import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSessionSearch } from '../../../../src/adapters/search/createSessionSearch.ts';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import { OutlineIndex } from '../../../../src/adapters/sessions/outline/outlineIndex.ts';
import { BadInputError } from '../../../../src/core/errors.ts';
import type { SearchHit, SearchQuery, SessionSearch } from '../../../../src/core/search/sessionSearch.ts';
import { sha256, TranscriptBuilder } from '../../../support/transcript.ts';

let home: string;
let claude: string;
let archive: string;
let search: SessionSearch;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'forkpoint-sessionsearch-'));
  claude = join(home, 'claude');
  archive = join(home, 'archive');
  const store = createSessionStore({ claudeDirs: [claude, archive], sha256 });
  search = createSessionSearch(store, { index: join(home, 'index'), archive });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** @param day of the file's last change */
function write(builder: TranscriptBuilder, day: number, project = '-work-slug-tools'): string {
  const folder = join(claude, 'projects', project);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${builder.sessionId}.jsonl`);
  writeFileSync(file, builder.text());
  utimesSync(file, new Date(2026, 1, day), new Date(2026, 1, day));
  return file;
}

function conversation(sessionId: string, text: string, cwd = '/work/slug-tools'): TranscriptBuilder {
  const builder = new TranscriptBuilder({ sessionId, cwd, uuidOf: (serial) => `${sessionId}-${serial}` });
  builder.prompt('Begin');
  builder.reply('Yes.');
  builder.prompt(`Ask about ${text}`);
  builder.reply(`Say ${text}`, [
    { id: `call-${sessionId}`, name: 'Grep', input: { pattern: text }, result: `Found ${text}` },
  ]);
  return builder;
}

async function found(query: SearchQuery, signal?: AbortSignal): Promise<{ hits: SearchHit[]; complete: boolean }> {
  const hits: SearchHit[] = [];
  let complete = false;
  for await (const batch of search.search(query, signal === undefined ? {} : { signal })) {
    hits.push(...batch.hits);
    complete = batch.complete;
  }
  return { hits, complete };
}

async function index(): Promise<void> {
  for await (const _progress of search.updateIndex());
}

describe.each(['without an index', 'with an index'])('a search %s', (how) => {
  const ready = async (): Promise<void> => {
    if (how === 'with an index') await index();
  };

  test('finds prompts, replies, inputs and results with turn, line and tool', async () => {
    const file = write(conversation('one', 'Quixote'), 1);
    await ready();
    const { hits, complete } = await found({ text: 'quixote' });
    expect(complete).toBe(true);
    expect(hits.map(({ kind, tool, line, turnIndex, uuid }) => [kind, tool, line, turnIndex, uuid])).toEqual([
      ['prompt', null, 3, 2, 'one-3'],
      ['reply', null, 4, 2, 'one-4'],
      ['tool input', 'Grep', 5, 2, 'one-5'],
      ['tool result', 'Grep', 6, 2, 'one-6'],
    ]);
    expect(hits[0]).toMatchObject({
      sessionId: 'one',
      file,
      sessionFile: file,
      title: 'Begin',
      projectPath: '/work/slug-tools',
      turnId: 'one-3',
      turnInFile: 2,
      at: '2026-01-01T10:00:03.000Z',
      snippet: 'Ask about Quixote',
      ranges: [[10, 17]],
    });
  });

  test('gives the session that changed last first', async () => {
    for (const [id, day] of [
      ['old', 1],
      ['new', 20],
      ['mid', 9],
    ] as const)
      write(conversation(id, 'quixote'), day);
    await ready();
    const { hits } = await found({ text: 'quixote' });
    expect([...new Set(hits.map(({ sessionId }) => sessionId))]).toEqual(['new', 'mid', 'old']);
  });

  test('finds abandoned turns and texts of subagents, which belong to the turn that started them', async () => {
    const builder = conversation('one', 'nothing');
    builder.goTo('one-2');
    builder.prompt('Instead do quixote');
    builder.reply('I ask.', [{ id: 'call-agent', name: 'Agent', result: 'ok' }]);
    const file = write(builder, 1);
    const agent = new TranscriptBuilder({ sessionId: 'one', uuidOf: (serial) => `agent-${serial}` });
    agent.prompt('Look for quixote', { isSidechain: true });
    agent.reply('Looking.', [{ id: 'inner', name: 'Bash', result: 'a quixote' }], { fields: { isSidechain: true } });
    mkdirSync(join(file.slice(0, -'.jsonl'.length), 'subagents'), { recursive: true });
    const agentFile = join(file.slice(0, -'.jsonl'.length), 'subagents', 'agent-x.jsonl');
    writeFileSync(agentFile, agent.text());
    writeFileSync(agentFile.replace('.jsonl', '.meta.json'), '{"agentType":"Explore","toolUseId":"call-agent"}');
    await ready();
    const { hits } = await found({ text: 'quixote' });
    expect(
      hits.map(({ file: at, kind, tool, turnIndex, turnInFile }) => [at === file, kind, tool, turnIndex, turnInFile]),
    ).toEqual([
      [true, 'prompt', null, 3, 3],
      [false, 'prompt', null, 3, 1],
      [false, 'tool result', 'Bash', 3, 1],
    ]);
    expect(hits[1]).toMatchObject({ file: agentFile, sessionFile: file, sessionId: 'one' });
  });

  test.each([0, 300_000, 1_064_430])(
    'finds subagents that old versions put beside the session (%i)',
    async (behind) => {
      const file = write(conversation('one', 'nothing'), 1);
      const agent = new TranscriptBuilder({ sessionId: 'one' });
      agent.prompt(`Look for quixote ${'x'.repeat(behind)}`, { isSidechain: true });
      writeFileSync(join(file, '..', 'agent-1.jsonl'), agent.text());
      await ready();
      expect((await found({ text: 'quixote' })).hits).toMatchObject([
        { sessionId: 'one', sessionFile: file, turnIndex: null },
      ]);
    },
  );

  test('filters by project, name of the project, model, tool and time', async () => {
    write(conversation('one', 'quixote'), 2);
    const other = conversation('two', 'quixote', '/work/website');
    other.reply('More quixote', [], { model: 'claude-haiku-4-5' });
    write(other, 1, '-work-website');
    await ready();
    const of = async (query: Omit<SearchQuery, 'text'>) => {
      const { hits } = await found({ text: 'quixote', ...query });
      return hits.map(({ sessionId, kind }) => `${sessionId} ${kind}`);
    };
    const all = ['prompt', 'reply', 'tool input', 'tool result'];
    expect(await of({ project: '/work/slug-tools' })).toEqual(all.map((kind) => `one ${kind}`));
    expect(await of({ projectName: 'WEB' })).toEqual([...all, 'reply'].map((kind) => `two ${kind}`));
    expect(await of({ model: 'haiku' })).toEqual([...all, 'reply'].map((kind) => `two ${kind}`));
    expect(await of({ tool: 'grep' })).toEqual([
      'one tool input',
      'one tool result',
      'two tool input',
      'two tool result',
    ]);
    expect(await of({ tool: 'Bash' })).toEqual([]);
    expect(await of({ since: '2026-01-01T10:00:06Z' })).toEqual(['two tool result', 'two reply', 'one tool result']);
    expect(await of({ until: '2026-01-01T10:00:04Z' })).toEqual(['two prompt', 'one prompt']);
    expect(await of({ until: '2025-12-31' })).toEqual([]);
  });

  test('sees what was appended after it was indexed, and not what is gone', async () => {
    const file = write(conversation('one', 'quixote'), 1);
    const gone = write(conversation('two', 'quixote'), 2);
    await ready();
    const more = conversation('one', 'quixote');
    more.prompt('And quixote again');
    appendFileSync(file, `${JSON.stringify(more.lines.at(-1))}\n`);
    rmSync(gone);
    const { hits, complete } = await found({ text: 'quixote' });
    expect(hits.map(({ sessionId, line }) => [sessionId, line])).toEqual([3, 4, 5, 6, 7].map((line) => ['one', line]));
    expect(complete).toBe(true);
  });

  test('finds kept sessions once their original is gone', async () => {
    const file = write(conversation('one', 'quixote'), 1);
    mkdirSync(archive, { recursive: true });
    cpSync(join(claude, 'projects'), join(archive, 'projects'), { recursive: true });
    await ready();
    expect((await found({ text: 'quixote' })).hits.map((hit) => hit.file)).toEqual([file, file, file, file]);
    rmSync(file);
    const { hits } = await found({ text: 'quixote' });
    expect(new Set(hits.map((hit) => hit.file))).toEqual(new Set([file.replace(claude, archive)]));
    expect(hits).toHaveLength(4);
  });

  test('stops at the limit and says that there may be more', async () => {
    write(conversation('one', 'quixote'), 1);
    write(conversation('two', 'quixote'), 2);
    await ready();
    for (const [limit, complete] of [
      [3, false],
      [5, false],
      [9, true],
    ] as const) {
      const result = await found({ text: 'quixote', limit });
      expect(result.hits).toHaveLength(Math.min(limit, 8));
      expect(result.complete).toBe(complete);
    }
  });

  test('ends at once when nobody waits any more', async () => {
    for (let at = 0; at < 5; at += 1) write(conversation(`s${at}`, 'quixote'), at + 1);
    await ready();
    const stop = new AbortController();
    const seen: SearchHit[] = [];
    for await (const { hits, complete } of search.search({ text: 'quixote' }, { signal: stop.signal })) {
      seen.push(...hits);
      expect(complete).toBe(false);
      stop.abort();
    }
    expect(seen.length).toBeLessThan(20);
  });
});

describe('a query that can’t be searched', () => {
  test.each([{ text: '' }, { text: ' \n ' }, { text: 'x', since: 'yesterday' }])('%o is refused', async (query) => {
    await expect(found(query)).rejects.toThrow(BadInputError);
  });
});

describe('the index', () => {
  test('reports how far it is, and has nothing to do the second time', async () => {
    for (let at = 0; at < 3; at += 1) write(conversation(`s${at}`, 'quixote'), at + 1);
    const reports: number[] = [];
    for await (const { indexed, files } of search.updateIndex()) {
      expect(files).toBe(3);
      reports.push(indexed);
    }
    expect(reports).toEqual([0, 1, 2, 3]);
    reports.length = 0;
    for await (const { indexed } of search.updateIndex()) reports.push(indexed);
    expect(reports).toEqual([3]);
  });

  test('that can’t be kept anywhere is done without', async () => {
    write(conversation('one', 'quixote'), 1);
    writeFileSync(join(home, 'file'), '');
    const store = createSessionStore({ claudeDirs: [claude], sha256 });
    search = createSessionSearch(store, { index: join(home, 'file', 'index'), archive });
    await index();
    expect((await found({ text: 'quixote' })).hits).toHaveLength(4);
  });

  test('that is damaged is done without, and made anew', async () => {
    write(conversation('one', 'quixote'), 1);
    mkdirSync(join(home, 'index'));
    writeFileSync(join(home, 'index', 'texts-1.0.db'), 'no database '.repeat(1000));
    expect((await found({ text: 'quixote' })).hits).toHaveLength(4);
    await index();
    expect((await found({ text: 'quixote' })).hits).toHaveLength(4);
  });
});

test('bringing the index up to date understands long sessions that were never opened', async () => {
  const long = conversation('long', 'Quixote');
  long.reply('x'.repeat(17 * 1024 * 1024));
  const [file, short] = [write(long, 1), write(conversation('short', 'Quixote'), 2)];
  await index();
  const outlines = new OutlineIndex(join(home, 'index'));
  expect([file, short].map((each) => outlines.get(each, 'session') !== null)).toEqual([true, false]);
  const store = createSessionStore({ claudeDirs: [claude], index: join(home, 'index'), sha256 });
  const { session } = await store.open(file);
  expect(session.turns.map(({ prompt, steps }) => [prompt, steps.length])).toEqual([
    ['Begin', 1],
    ['Ask about Quixote', 2],
  ]);
});
