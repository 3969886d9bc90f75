import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSessionSearch } from '../../../../src/adapters/search/createSessionSearch.ts';
import { completeSessions } from '../../../../src/adapters/sessionFacts/completeSessions.ts';
import { createSessionStore } from '../../../../src/adapters/sessions/createSessionStore.ts';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import { blocksOf } from '../../../../src/core/api/messagesRequest.ts';
import { createSessionRequests } from '../../../../src/core/fork/sessionRequests.ts';
import type { OpenSession } from '../../../../src/core/fork/sessionStore.ts';
import { parseTranscript, TranscriptReader } from '../../../../src/core/session/parseTranscript.ts';
import type { SessionSummary, TranscriptMessage, TurnOutline } from '../../../../src/core/session/recordedSession.ts';
import { buildSession, SessionBuilder } from '../../../../src/core/session/turnTree.ts';
import { conversationOf, wireRows } from '../../../../src/views/forkPanel/conversation.ts';
import { projectId } from '../../../../src/views/sessionTree/groupSessions.ts';
import { sha256, TranscriptBuilder } from '../../../support/transcript.ts';

// Small config folders with what strangers' disks hold (test/fixtures/cases); each was wrong once.

const noRecords = new TranscriptReader(false);

function claudeDir(name: string): string {
  return join(import.meta.dirname, '../../../fixtures/cases', name);
}

function storeOf(name: string) {
  return createSessionStore({ claudeDirs: [claudeDir(name)], sha256 });
}

async function open(name: string, id: string): Promise<OpenSession> {
  return storeOf(name).open(id);
}

/** What a fork before a turn sends, each message as its role and its texts. */
async function sentAt(session: OpenSession, turn: number): Promise<string[]> {
  const { rebuilt } = await session.forkAt({ turn });
  return rebuilt.request.messages.map(({ role, content }) => {
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
    return `${role}: ${blocks.map((block) => ('text' in block ? String(block.text) : `[${block.type}]`)).join(' | ')}`;
  });
}

describe('what Claude Code hangs elsewhere than it sends it', () => {
  it('keeps the turn whose retries were logged when it was over', async () => {
    const session = await open('w10-api-error-logged-late', '10101010');
    expect(await sentAt(session, 2)).toEqual([
      'user: Write a cake recipe',
      'assistant: [tool_use]',
      'user: [tool_result]',
      'assistant: [tool_use]',
      'user: [tool_result]',
      'assistant: The cake recipe is written: two eggs.',
      'user: How many eggs?',
    ]);
    const messages: TranscriptMessage[] = [];
    for await (const message of session.messages()) messages.push(message);
    expect(messages.every(({ active }) => active)).toBe(true);
    const { files } = await session.files(2);
    expect(files.map(({ path }) => path)).toContain('cake.md');
    expect(session.session.branches).toHaveLength(1);
  });

  it.each(['ff04eb0b', '2a11d208'])('goes on behind a compaction that kept a segment (%s)', async (id) => {
    const session = await open('b25-preserved-segment', id);
    const sent = await sentAt(session, 4);
    expect(sent).toEqual([
      expect.stringMatching(/^user: SUMMARY of the first\. \| second, preserved$/),
      'assistant: second reply, preserved',
      'user: third',
      'assistant: third reply',
      'user: fourth',
    ]);
    expect(session.session.turns.map(({ compactedAway }) => compactedAway)).toEqual([true, false, false, false]);
    expect(session.session.branches).toHaveLength(1);
  });

  /** The form that is recorded least: both names of what was kept, and the next prompt on its end or in its middle. */
  function preserved(parent: 'tail' | 'head' | 'summary', isNamedOnce: boolean) {
    const builder = new TranscriptBuilder();
    builder.prompt('first');
    builder.reply('first reply');
    const head = builder.prompt('second');
    const [tail = ''] = builder.reply('second reply');
    const summary = `u${builder.lines.length + 2}`;
    const metadata = {
      preservedSegment: { headUuid: head, anchorUuid: summary, tailUuid: tail },
      ...(isNamedOnce ? {} : { preservedMessages: { anchorUuid: summary, uuids: [head, tail] } }),
    };
    const boundary = { subtype: 'compact_boundary', logicalParentUuid: tail, compactMetadata: metadata };
    builder.chained('system', boundary, null);
    builder.prompt('SUMMARY', { isCompactSummary: true });
    builder.goTo({ tail, head, summary }[parent]);
    builder.prompt('third');
    builder.reply('third reply');
    return builder.tree();
  }

  it.each([true, false])('goes on from any of what a compaction kept (named once: %s)', (isNamedOnce) => {
    const texts = (parent: Parameters<typeof preserved>[0]) => {
      const requests = createSessionRequests(preserved(parent, isNamedOnce), noRecords, [], sha256);
      const { messages } = requests.forkAt({ turn: 3 }).rebuilt.request;
      return messages.flatMap(({ content }) =>
        typeof content === 'string' ? content : content.map(({ text }) => text),
      );
    };
    const whole = ['SUMMARY', 'second', 'second reply', 'third'];
    expect(texts('tail')).toEqual(whole);
    expect(texts('summary')).toEqual(whole);
    expect(texts('head')).toEqual(['SUMMARY', 'second', 'third']);
  });

  it('sends the second summary behind a second compaction', async () => {
    const session = await open('b15-second-compact', '8b7a9ba3');
    const sent = await sentAt(session, 6);
    expect(sent).toEqual(['user: Summary of what went before. | C1', 'assistant: rc1', 'user: C2']);
    expect(session.session.branches).toHaveLength(1);
    expect(session.session.turns.every(({ active }) => active)).toBe(true);
  });
});

/** Hits of a search, each as its turn, its kind and whether a subagent said it. */
async function found(name: string, text: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cases-'));
  try {
    const search = createSessionSearch(storeOf(name), {
      index: join(folder, 'index'),
      archive: join(folder, 'archive'),
    });
    const hits: string[] = [];
    const look = async () => {
      for await (const batch of search.search({ text }))
        for (const { turnIndex, kind, file, sessionFile } of batch.hits)
          hits.push(`${turnIndex} ${kind}${file === sessionFile ? '' : ' of a subagent'}`);
      return hits.splice(0);
    };
    const without = await look();
    for await (const _progress of search.updateIndex());
    expect(await look()).toEqual(without);
    return without;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('what was typed while a turn ran', () => {
  it('is in the history behind the results that it came with', async () => {
    const session = await open('w14-message-typed-during-a-turn', '15151515');
    const { rebuilt } = await session.forkAt({ turn: 2 });
    expect(rebuilt.request.messages[2]?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'toolu_q1', content: 'blue, crimson' },
      { type: 'text', text: expect.stringContaining('\nNo, make it crimson\n') },
    ]);
    expect(session.session.turns[0]?.absorbed.map(({ text }) => text)).toEqual(['No, make it crimson']);
    expect(session.session.queued).toEqual([]);
  });

  it('is found where it was passed on, and where it never was', async () => {
    expect(await found('w14-message-typed-during-a-turn', 'make it crimson')).toEqual(['1 prompt']);
    expect(await found('b34-queued-prompts', 'needlequeue1')).toEqual(['1 prompt']);
    expect(await found('b34-queued-prompts', 'needlequeue2')).toEqual(['null prompt']);
    const session = await open('b34-queued-prompts', '8c0d0871');
    expect((await sentAt(session, 2))[2]).toContain('Use playwright, too needlequeue1');
    expect(session.session.queued).toEqual([
      { text: 'Never delivered needlequeue2', line: 8, at: '2026-09-01T08:00:25.000Z' },
    ]);
  });

  it('stands between the replies in the fork panel', async () => {
    const { session } = await open('w14-message-typed-during-a-turn', '15151515');
    const turn = session.turns[0] as TurnOutline;
    const rows = wireRows(conversationOf(session, turn.turnId), new Map(), 0, 10);
    expect(rows.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'prompt Paint the boat blue',
      'reply ',
      'note No, make it crimson',
      'reply ',
      'prompt And the oars?',
      'reply ',
    ]);
  });
});

describe('the list', () => {
  /** Title and turns of each listed session, by the beginning of its id. */
  async function listed(name: string): Promise<Record<string, string>> {
    const sessions = await storeOf(name).list();
    return Object.fromEntries(
      sessions.map(({ sessionId, title, turns }) => [sessionId.slice(0, 4), `${title} ${turns}`]),
    );
  }

  it('gives a title to the session that holds the message that it is about', async () => {
    expect(await listed('w01-summary-of-another-session')).toEqual({
      aaaa: 'Fence painted green 1',
      bbbb: 'Mow the lawn 1',
    });
    expect((await open('w01-summary-of-another-session', 'aaaa')).session.summary.title).toBe('Fence painted green');
    expect(await listed('b48-foreign-summary')).toEqual({ '0e13': 'Fix the cart total. 1' });
  });

  it('means by an id the file that it lists, and asks where there are several', async () => {
    expect((await open('b11-worktree-stub', 'e85f7de7')).session.turns).toHaveLength(2);
    await expect(open('b12-copy-newer-mtime', 'eb01bfa0')).rejects.toMatchObject({
      message: expect.stringContaining('different conversations'),
      hint: expect.stringContaining('path'),
    });
  });

  it('counts what a schedule asked as a turn', async () => {
    expect(await listed('w02-begins-with-scheduled-prompt')).toEqual({ 2222: 'Check the water level 1' });
    const session = await open('w02-begins-with-scheduled-prompt', '2222');
    const [turn] = session.session.turns;
    expect(turn).toMatchObject({ prompt: 'Check the water level', automatic: true, active: true });
    expect(turn?.steps).toHaveLength(2);
    expect(turn?.usage.outputTokens).toBeGreaterThan(0);
    expect(await sentAt(session, 1)).toEqual(['user: Check the water level']);
  });

  it('counts a prompt that was split over lines as one turn', async () => {
    expect(await listed('w03-prompt-split-over-lines')).toEqual({ 3333: 'Which animal is this? 1' });
    const session = await open('w03-prompt-split-over-lines', '3333');
    expect(session.session.turns).toMatchObject([{ prompt: 'Which animal is this?', attachments: 1 }]);
    const { rebuilt, recordedPrompt } = await session.forkAt({ turn: 1 });
    expect(recordedPrompt).toBe('Which animal is this?');
    expect(rebuilt.request.messages).toMatchObject([
      { role: 'user', content: [{ type: 'text' }, { type: 'image' }, { type: 'text', text: 'Which animal is this?' }] },
    ]);
    const [whole] = await session.turns([1]);
    expect(whole?.promptContent.map(({ type }) => type)).toEqual(['text', 'image', 'text']);
  });

  it('takes what Claude Code says of an unknown skill for no prompt', async () => {
    expect(await listed('w04-unknown-skill-is-no-prompt')).toEqual({ 4444: 'Glaze the bowl 1' });
    const asked = 'w15-unknown-command-is-asked-about';
    expect(await listed(asked)).toEqual({ 1515: 'Unknown command: /kiln 3' });
    expect((await open(asked, '1515')).session.turns).toMatchObject([
      { prompt: 'Unknown command: /kiln', automatic: false, active: true },
      { prompt: 'Glaze the bowl', active: true },
      { prompt: 'And the cup', active: true },
    ]);
  });

  it('takes a prompt without the reminder in front of it', async () => {
    expect(await listed('w06-reminder-and-prompt-in-one-string')).toEqual({ 6666: 'Sort the list 1' });
  });

  it('hides files in which nothing was said', async () => {
    expect(await listed('b40-nothing-said')).toEqual({ c5f1: 'Hi 1' });
  });

  it('ignores blank titles, and has none that is no text', async () => {
    const titles = await listed('b31-titles');
    expect(titles).toMatchObject({ '1deb': 'AI title 1', '66e6': 'Untitled session 1', '5d8a': 'Named by hand 1' });
    expect(Object.values(titles).every((title) => title.isWellFormed())).toBe(true);
  });
});

it('takes both forms of a path for one project', async () => {
  const both = await storeOf('b32-nfd-paths').list({ project: '/home/kim/M\u016fj disk/\u30c9\u30e9\u30a4\u30d6' });
  expect(both).toHaveLength(2);
  expect(new Set(both.map(projectId))).toHaveProperty('size', 1);
  const windows = (projectPath: string) => projectId({ ...(both[0] as SessionSummary), projectPath });
  expect(windows('d:\\x')).toBe(windows('D:\\x'));
});

it('finds sessions of Windows by the path of their folder', async () => {
  const claudeDir = mkdtempSync(join(tmpdir(), 'cases-'));
  try {
    const folder = join(claudeDir, 'projects', 'd--x');
    mkdirSync(folder, { recursive: true });
    for (const [sessionId, cwd] of Object.entries({
      lower: 'd:\\x',
      upper: 'D:\\x',
      below: 'D:\\x\\y',
      other: 'd:\\xy',
    })) {
      const builder = new TranscriptBuilder({ sessionId, cwd });
      builder.prompt('Begin');
      writeFileSync(join(folder, `${sessionId}.jsonl`), builder.text());
    }
    const store = createSessionStore({ claudeDirs: [claudeDir], sha256 });
    const home = join(claudeDir, 'home');
    const complete = completeSessions(store, { archive: join(claudeDir, 'archive'), home });
    for (const sessions of [store, complete]) {
      const found = await sessions.list({ project: 'd:\\x' });
      expect(found.map(({ sessionId }) => sessionId).sort()).toEqual(['below', 'lower', 'upper']);
    }
  } finally {
    rmSync(claudeDir, { recursive: true, force: true });
  }
});

it.each([1, 2])('reads a file with %i marks before its first line', async (marks) => {
  const folder = mkdtempSync(join(tmpdir(), 'cases-'));
  try {
    const project = join(folder, 'projects', '-home-kim-demo');
    mkdirSync(project, { recursive: true });
    const builder = new TranscriptBuilder();
    builder.prompt('Begin');
    builder.reply('Begun.');
    writeFileSync(join(project, 'marked.jsonl'), `${'\uFEFF'.repeat(marks)}${builder.text()}`);
    const session = await createSessionStore({ claudeDirs: [folder], sha256 }).open('marked');
    const messages: TranscriptMessage[] = [];
    for await (const message of session.messages()) messages.push(message);
    expect(messages).toHaveLength(2);
    expect((await session.turns([1]))[0]?.promptContent).toEqual([{ type: 'text', text: 'Begin' }]);
    expect(await sentAt(session, 1)).toEqual(['user: Begin']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('counts of a fork’s cost what it cost itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cases-'));
  try {
    const own = { archive: join(folder, 'archive'), home: folder };
    const costs = async (summaries: Promise<SessionSummary[]>) =>
      Object.fromEntries((await summaries).map(({ sessionId, costUsd }) => [sessionId.slice(0, 4), costUsd]));
    expect(await costs(completeSessions(storeOf('b41-fork-cost'), own).list())).toEqual({ eaae: 10, '0d13': 2 });
    const { session } = await completeSessions(storeOf('b41-fork-cost'), own).open('0d13fe2e');
    expect(session.summary.costUsd).toBe(2);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe('subagents', () => {
  async function agents(name: string, id: string): Promise<string[]> {
    const { session } = await open(name, id);
    return session.subagents.map(({ task, toolUseId, turnId, messages }) => {
      const turn = session.turns.find((each) => each.turnId === turnId)?.index;
      return `${task} ${messages} ${toolUseId} ${turn}`;
    });
  }

  it('of workflows are listed and searched', async () => {
    expect(await agents('w09-workflow-agents', '99999999')).toEqual(['Sweep the zanzibar room 2 toolu_w1 1']);
    expect(await found('w09-workflow-agents', 'zanzibar room')).toEqual([
      '1 prompt of a subagent',
      '1 reply of a subagent',
    ]);
    expect(await agents('b09-workflow-agents', '6348ce6a')).toEqual([
      'Check file f1 2 toolu_none undefined',
      'Check file w1 2 toolu_w 1',
      'Check file w2 2 toolu_w 1',
    ]);
    expect(await found('b09-workflow-agents', 'needle-w2')).toEqual(['1 reply of a subagent']);
  });

  it('of an interrupted call belong to it', async () => {
    expect(await agents('w08-subagent-of-interrupted-task', '88888888')).toEqual([
      expect.stringMatching(/ 2 toolu_08 1$/),
    ]);
  });

  it('of version 1.0 stand in the session’s file', async () => {
    expect(await agents('w12-inline-sidechain-of-1.0', '13131313')).toEqual([expect.stringMatching(/ 2 toolu_t1 1$/)]);
    expect(await found('w12-inline-sidechain-of-1.0', 'zinnia')).toEqual(['1 reply']);
  });
});

describe('a rebuilt request', () => {
  it('keeps both calls that were given one id', async () => {
    const session = await open('b22-duplicate-ids', '8defa492');
    const turns = await session.turns([1, 2]);
    expect(turns.flatMap(({ steps }) => steps.flatMap(({ toolCalls }) => toolCalls))).toMatchObject([
      { id: 'call_0', input: { command: 'a' }, result: { content: 'A' } },
      { id: 'call_0', input: { command: 'b' }, result: { content: 'B' } },
    ]);
    const { rebuilt } = await session.forkAt({ turn: 3 });
    const blocks = rebuilt.request.messages.flatMap(blocksOf);
    const calls = blocks.flatMap(({ type, id, input }) => (type === 'tool_use' ? [[id, input]] : []));
    const results = blocks.flatMap(({ type, tool_use_id, content }) =>
      type === 'tool_result' ? [[tool_use_id, content]] : [],
    );
    expect(calls).toEqual([
      ['call_0', { command: 'a' }],
      ['call_0_2', { command: 'b' }],
    ]);
    expect(results).toEqual([
      ['call_0', 'A'],
      ['call_0_2', 'B'],
    ]);
    expect(checkRequest(rebuilt.request)).toEqual([]);
  });

  it('goes out without fields that the API doesn’t take', async () => {
    const session = await open('b20-stray-fields', '27618475');
    const { rebuilt } = await session.forkAt({ turn: 2 });
    expect(rebuilt.request.messages[1]?.content).toEqual([
      { type: 'text', text: 'Reading.' },
      { type: 'tool_use', id: 'toolu_s', name: 'Read', input: { file_path: '/a' } },
    ]);
  });

  it('says that results which were cleared go out whole', async () => {
    const session = await open('b47-microcompact', 'a0dc9ba8');
    expect((await session.forkAt({ turn: 3 })).rebuilt.missing).toContainEqual(expect.stringContaining('cleared'));
    expect((await session.forkAt({ turn: 1 })).rebuilt.missing).not.toContainEqual(expect.stringContaining('cleared'));
  });

  it('is held against the tokens that were counted for the recorded one', async () => {
    const size = (input: number, reply = 'Done.') => {
      const builder = new TranscriptBuilder();
      builder.prompt('First');
      builder.reply(reply);
      builder.prompt('Second');
      builder.reply('Done.');
      const usages = [20_000, input];
      let replies = 0;
      for (const line of builder.lines) {
        const message = line.message as { usage?: object };
        if (line.type === 'assistant') message.usage = { input_tokens: usages[replies++], output_tokens: 10 };
      }
      const { missing } = createSessionRequests(builder.tree(), noRecords, [], sha256).forkAt({ turn: 2 }).rebuilt;
      return missing.filter((text) => text.includes('tokens'));
    };
    expect(size(20_500)).toEqual([]);
    expect(size(24_000)).toEqual([]);
    expect(size(112_000)).toEqual(['the recorded request was about 112k tokens, this one is about 20k']);
    expect(size(3000)).toEqual(['the recorded request was about 3k tokens, this one is about 20k']);
    expect(size(20_500, 'word '.repeat(60_000))).toEqual([
      'the recorded request was about 20.5k tokens, this one is about 81.1k',
    ]);
  });
});

it('takes no messages of a subagent out of a damaged line for the session’s', async () => {
  const { session } = await open('w07b-damaged-progress-line', '77777777');
  expect(session.turns.map(({ prompt, active, steps }) => `${prompt} ${active} ${steps.length}`)).toEqual([
    'Lay the table true 1',
    'Count the spoons true 2',
    'Polish them true 1',
  ]);
  expect(session.branches).toHaveLength(1);
});

it('finds texts in transcripts that were written with spaces', async () => {
  expect(await found('w11-search-in-respaced-json', 'herons')).toHaveLength(2);
});

/** Every transcript of the cases. */
const transcripts = readdirSync(join(import.meta.dirname, '../../../fixtures/cases'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => claudeDir(name));

it.each(transcripts)('understands a session that grows as one that is read whole (%s)', (file) => {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, 40);
  const origin = { sessionId: 's', file, bytes: 0, customTitle: null, subagents: [] };
  const builder = new SessionBuilder();
  const reader = new TranscriptReader(false);
  for (const [at, line] of lines.entries()) {
    reader.text(line, at + 1, false);
    const growing = builder.build({ problems: [], summary: reader.summary, entries: [...reader.entries] }, origin);
    const whole = buildSession(parseTranscript(Buffer.from(lines.slice(0, at + 1).join('\n'))), origin);
    expect(growing.session.turns).toEqual(whole.session.turns);
    expect(growing.chain.nodes.map(({ parent }) => parent?.order)).toEqual(
      whole.chain.nodes.map(({ parent }) => parent?.order),
    );
  }
});
