import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TurnOutline } from '../../../src/core/session/recordedSession.ts';
import { labelOf, named, openNumber, storeOf, wholeTurns } from '../../support/openRecordings.ts';
import { type RecordedScenario, recordEverySession } from '../../support/recordSessions.ts';
import { sessionOf } from '../../support/stage.ts';

let all: RecordedScenario[] = [];

beforeAll(async () => {
  all = await recordEverySession();
}, 600_000);

function prompts(turns: readonly TurnOutline[]): string[] {
  return turns.map((turn) => turn.prompt);
}

/** What the scenarios asked, by session; `~` marks turns that a rewind or another process left behind. */
const asked: Record<string, Record<number, string[]>> = {
  plain: { 1: ['What is the capital of France?', 'And of Germany?', 'And of Italy?'] },
  tools: { 2: ['Write notes.txt, read it, edit it and show it.', 'Read absent.txt'] },
  parallel: { 3: ['Read a.txt and b.txt and count their lines.', 'Thanks!'] },
  forked: {
    4: ['First question', 'Second question'],
    5: ['First question', 'Second question', 'Question in the fork', 'Another in the fork'],
  },
  image: { 6: ['What is in this picture?', 'Look at @red.png again.', 'Read it with your tool.'] },
  interrupted: { 7: ['Say something.', 'Tell me a long story.', 'Are you still there?'] },
  errors: { 8: ['Try until it works.', 'This one is refused.', 'And now?'] },
  rewound: { 9: ['Question one', '~Question two', '~Question three', 'Question on the other way', 'Go on'] },
  subagent: { 10: ['Have it explored.', 'Thank you.'] },
  compacted: { 11: ['Before, one', 'Before, two', 'After, one', 'After, two'] },
  'parallel-agents': { 20: ['Ask two at once.', 'Thanks to both.'] },
  'nested-agents': { 21: ['Delegate this.'] },
  'background-agent': { 22: ['Start it behind.'] },
  checkpoints: {
    30: [
      'Edit what is there.',
      'Change it with the shell.',
      'Edit once more and delete.',
      'Create it anew.',
      'Just talk.',
    ],
  },
  forks: {
    41: ['Ask one', 'Ask two', 'Ask three'],
    42: ['Begin early', 'Go on early'],
    // A fork across a compaction begins at its boundary.
    43: ['Ask three', 'Ask in the late fork'],
    44: ['Ask three', 'Ask in the late fork', 'Ask in the fork of the fork'],
    45: ['Begin early', 'Ask in the early fork'],
  },
  'sdk-forks': { 49: ['Ask one', 'Ask two'] },
  worktrees: { 46: ['Where am I?'], 47: ['Where is this?'], 48: ['Go down.', 'And from here?'] },
  models: { 50: ['Who are you?', 'And now?', 'Easily?', 'Thoroughly?'] },
  torn: { 51: ['Something odd', 'Torn', 'Broken'] },
  'cut-off': { 52: ['A long text, please'] },
  spilled: { 53: ['Count'] },
  thinking: { 54: ['Think', 'Again'] },
  hooked: { 55: ['Run it', '/greet the world', 'How was it?'] },
  planned: { 56: ['Plan it', 'Do it'] },
  unlogged: { 57: ['One', 'Two', 'Three'] },
  withheld: { 58: ['With a field more', 'Without it'] },
  logged: { 59: ['Read it', 'Once more'] },
  queued: { 60: ['Sleep a little'] },
  'stopped-tool': { 61: ['Watch it', 'Go on'] },
  'compacted-twice': { 80: ['/tidy-up the shed', 'And the attic?', '/no-such-command', 'What was it about?'] },
  'stopped-agent': { 81: ['Send somebody.', 'Is it gone?'] },
  typed: {
    70: [
      'First typed question',
      '! echo from the shell',
      'Second typed question',
      '~Queued meanwhile',
      'After the rewind',
      'Tell a long story',
    ],
  },
};

describe('prompts', () => {
  it('are the turns of every session of every version, in the order of the file', async () => {
    let compared = 0;
    for (const recorded of all) {
      // 2.0 writes a prompt with a picture anew, in two lines, when it resumes.
      if (recorded.version === '2.0.76' && recorded.name === 'image') continue;
      for (const [n, expected] of Object.entries(asked[recorded.name] ?? {})) {
        const { session } = await openNumber(recorded, Number(n));
        const found = session.turns.map((turn) => `${turn.active ? '' : '~'}${turn.prompt}`);
        expect(found, `${labelOf(recorded)} ${n}`).toEqual(expected);
        expect(session.summary.turns).toBe(expected.length);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(70);
  });

  it('that came while a reply was running belong to its turn', async () => {
    const [recorded] = named(all, 'queued');
    const { session } = await openNumber(recorded as RecordedScenario, 60);
    expect(session.turns[0]?.absorbed.map(({ text }) => text)).toEqual(['And do not forget this', 'Nor this']);
    const lines = session.turns[0]?.steps.map(({ line }) => line) ?? [];
    for (const { line } of session.turns[0]?.absorbed ?? []) {
      expect(line).toBeGreaterThan(lines[0] ?? 0);
      expect(line).toBeLessThan(lines[1] ?? 0);
    }
  });

  it('with pictures say so', async () => {
    for (const recorded of named(all, 'image')) {
      const turns = await wholeTurns(await openNumber(recorded, 6));
      const first = turns.find((turn) => turn.attachments > 0);
      expect(
        first?.promptContent.map(({ type }) => type),
        labelOf(recorded),
      ).toContain('image');
      const read = turns.at(-1)?.steps[0]?.toolCalls[0];
      expect(JSON.stringify(read?.result?.content), labelOf(recorded)).toContain('"type":"image"');
    }
  });
});

describe('outputs that were too long for the transcript', () => {
  it('are read from their file, as long as it is there', async () => {
    const [recorded] = named(all, 'spilled') as [RecordedScenario];
    const numbers = Array.from({ length: 20_000 }, (_, at) => `${at + 1}\n`).join('');
    const [turn] = await wholeTurns(await openNumber(recorded, 53));
    const result = turn?.steps[0]?.toolCalls[0]?.result;
    expect(JSON.stringify(result?.content)).toContain('persisted-output');
    expect(result?.spilled?.text).toBe(numbers);
    const folder = await mkdtemp(join(tmpdir(), 'forkpoint-spilled-'));
    try {
      await cp(recorded.claudeDir, folder, { recursive: true });
      const copied = { ...recorded, claudeDir: folder };
      const [moved] = await wholeTurns(await openNumber(copied, 53));
      const path = moved?.steps[0]?.toolCalls[0]?.result?.spilled?.path ?? '';
      expect(path.startsWith(folder)).toBe(true);
      await rm(path);
      const [left] = await wholeTurns(await openNumber(copied, 53));
      expect(left?.steps[0]?.toolCalls[0]?.result?.spilled?.text).toBeNull();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('titles', () => {
  it('are the first prompt where nobody gave one', async () => {
    for (const recorded of named(all, 'plain')) {
      const [listed] = await storeOf(recorded).list();
      expect(listed?.title).toBe('What is the capital of France?');
      expect(listed?.projectPath).toBe(recorded.cwd);
      expect(listed?.version).toBe(recorded.version);
    }
  });

  it('are the command where a session begins with one', async () => {
    for (const recorded of named(all, 'compacted-twice')) {
      const [listed] = await storeOf(recorded).list();
      expect(listed?.title, labelOf(recorded)).toBe('/tidy-up the shed');
    }
  });

  it('are what the person or a fork wrote', async () => {
    for (const recorded of named(all, 'typed')) {
      const [listed] = await storeOf(recorded).list();
      expect(listed?.title, labelOf(recorded)).toBe('A title of my own');
    }
    for (const recorded of named(all, 'sdk-forks')) {
      const titles = (await storeOf(recorded).list()).map(({ title }) => title).sort();
      expect(titles, labelOf(recorded)).toEqual(['Ask one', 'Ask one (fork)', 'Ask one (fork)']);
    }
  });

  it('are the model’s where it was asked for one', async () => {
    for (const recorded of named(all, 'titled')) {
      const [listed] = await storeOf(recorded).list();
      expect(listed?.title, labelOf(recorded)).toBe('A title by the model');
    }
  });
});

describe('how replies ended', () => {
  it('by the person', async () => {
    for (const recorded of named(all, 'interrupted')) {
      const turns = await wholeTurns(await openNumber(recorded, 7));
      expect(
        turns.map((turn) => turn.interrupted),
        labelOf(recorded),
      ).toEqual([false, true, false]);
      // Older versions keep nothing of a reply that was stopped.
      if (recorded.logged) expect(turns[1]?.steps[0]?.text).toContain('A long story');
    }
    for (const recorded of named(all, 'typed')) {
      const turns = await wholeTurns(await openNumber(recorded, 70));
      expect(turns.map((turn) => turn.interrupted)).toEqual([false, false, false, false, false, true]);
      expect(turns.at(-1)?.steps[0]?.text).toContain('Once upon a time');
    }
    for (const recorded of named(all, 'stopped-tool')) {
      const [stopped, next] = await wholeTurns(await openNumber(recorded, 61));
      expect(stopped).toMatchObject({ interrupted: true, error: null });
      expect(stopped?.steps[0]?.toolCalls[0]?.result?.isError).toBe(true);
      // The reply that Claude Code made up in between is nobody's step.
      expect(next?.steps.map((step) => step.text)).toEqual(['After the stopped tool.']);
    }
  });

  it('in an API error, or in none because a retry went through', async () => {
    for (const recorded of named(all, 'errors')) {
      const { turns } = (await openNumber(recorded, 8)).session;
      expect(
        turns.map((turn) => turn.error !== null),
        labelOf(recorded),
      ).toEqual([false, true, false]);
      expect(turns[1]?.error).toContain('400');
      expect(turns[1]?.models).toEqual([]);
    }
    const [torn] = named(all, 'torn');
    const turns = await wholeTurns(await openNumber(torn as RecordedScenario, 51));
    expect(turns.map((turn) => turn.error)).toEqual([null, null, null]);
    expect(turns.map((turn) => turn.steps.map((step) => step.text))).toEqual([
      ['I would rather not', 'So I answer.'],
      ['Whole at the second try.'],
      ['Broken off', 'Whole again.'],
    ]);
    expect(turns[0]?.steps.map((step) => step.stopReason)).toEqual(['refusal', 'end_turn']);
  });

  it('at the limit of tokens', async () => {
    const [recorded] = named(all, 'cut-off');
    const [turn] = await wholeTurns(await openNumber(recorded as RecordedScenario, 52));
    const replies = turn?.steps.filter((step) => step.error === null) ?? [];
    expect(replies.map((step) => step.stopReason)).toEqual(['max_tokens', 'max_tokens', 'max_tokens', 'max_tokens']);
    expect(turn?.error).toContain('output token');
  });
});

describe('what a session was set to', () => {
  it('is in its turns: models, efforts, and the tools of a plan', async () => {
    const [recorded] = named(all, 'models');
    const { session } = await openNumber(recorded as RecordedScenario, 50);
    const sent = recorded?.captured.map(({ body }) => body.model as string);
    expect(session.turns.map((turn) => turn.models)).toEqual(sent?.map((model) => [model]));
    expect(session.summary.models).toEqual([...new Set(sent)]);
    const asked = recorded?.captured.map(({ body }) => (body.output_config?.effort as string | undefined) ?? null);
    expect(session.turns.map((turn) => turn.steps[0]?.effort)).toEqual(asked);
    expect(asked?.slice(2)).toEqual(['low', 'high']);
    const [planned] = named(all, 'planned');
    const turns = (await openNumber(planned as RecordedScenario, 56)).session.turns;
    expect(turns.map((turn) => turn.tools)).toEqual([['Write', 'ExitPlanMode'], []]);
  });

  it('may change its folder; the project is where it began', async () => {
    for (const recorded of named(all, 'worktrees')) {
      const listed = await storeOf(recorded).list();
      const projectOf = (n: number) => listed.find(({ sessionId }) => sessionId === sessionOf(n))?.projectPath;
      expect(projectOf(46)).toBe(recorded.cwd);
      expect(projectOf(47)).toBe(recorded.cwd.replace(/work$/, 'side-tree'));
      expect(projectOf(48)).toBe(recorded.cwd);
    }
  });
});

describe('branches', () => {
  it('are kept after a rewind, with the place where they parted', async () => {
    for (const recorded of named(all, 'rewound')) {
      const { session } = await openNumber(recorded, 9);
      const [abandoned, active] = session.branches;
      expect(abandoned, labelOf(recorded)).toMatchObject({
        active: false,
        turns: [session.turns[1]?.turnId, session.turns[2]?.turnId],
        splitUuid: session.turns[0]?.steps[0]?.uuids[0],
      });
      expect(active).toMatchObject({ active: true, splitUuid: null, leafUuid: session.turns[4]?.steps[0]?.uuids[0] });
    }
    for (const recorded of named(all, 'typed')) {
      const { session } = await openNumber(recorded, 70);
      const left = session.branches.filter((branch) => !branch.active);
      expect(
        left.map((branch) => branch.turns),
        labelOf(recorded),
      ).toEqual([[session.turns[3]?.turnId]]);
      expect(left[0]?.splitUuid).toBe(session.turns[2]?.steps.at(-1)?.uuids.at(-1));
    }
  });

  it('are made by two processes on one session', async () => {
    for (const recorded of named(all, 'two-processes')) {
      const { session } = await openNumber(recorded, 40);
      expect(
        session.turns.map((turn) => `${turn.active ? '' : '~'}${turn.prompt}`),
        labelOf(recorded),
      ).toEqual([
        'Common question',
        'Question of the first process',
        '~Question of the second process',
        'The first again',
        'Afterwards',
      ]);
      const [, first, second, again] = session.turns;
      expect(second?.parentTurnId).toBe(first?.turnId);
      expect(again?.parentTurnId).toBe(first?.turnId);
      const left = session.branches.find((branch) => !branch.active);
      expect(left).toMatchObject({ turns: [second?.turnId], splitUuid: first?.steps[0]?.uuids[0] });
    }
  });

  it('are none where tools ran side by side', async () => {
    for (const recorded of named(all, 'parallel')) {
      const { session } = await openNumber(recorded, 3);
      expect(session.branches, labelOf(recorded)).toHaveLength(1);
      const turns = await wholeTurns(await openNumber(recorded, 3));
      expect(turns[0]?.steps.map((step) => step.toolCalls.map((call) => [call.name, call.result?.isError]))).toEqual([
        [
          ['Read', false],
          ['Read', false],
          ['Bash', false],
        ],
        [
          ['Bash', false],
          ['Bash', true],
        ],
        [],
      ]);
    }
  });

  it('know what a compaction took away', async () => {
    for (const recorded of named(all, 'compacted')) {
      const { session } = await openNumber(recorded, 11);
      expect(session.compactions, labelOf(recorded)).toMatchObject([{ trigger: 'manual' }]);
      expect(session.turns.map((turn) => turn.compactedAway)).toEqual([true, true, false, false]);
    }
  });

  it('know of two compactions what each took away; a fork behind them holds the second summary alone', async () => {
    for (const recorded of named(all, 'compacted-twice')) {
      const opened = await openNumber(recorded, 80);
      expect(opened.session.compactions, labelOf(recorded)).toHaveLength(2);
      expect(opened.session.turns.map((turn) => turn.compactedAway)).toEqual([true, true, false, false]);
      const { rebuilt } = await opened.forkAt({ turn: 3 });
      const sent = JSON.stringify(rebuilt.request.messages);
      expect(sent).toContain('The shed again, and the attic.');
      expect(sent).not.toContain('The shed was tidied up.');
    }
  });
});

describe('subagents', () => {
  it('are joined with the call that started them, in both layouts', async () => {
    for (const recorded of named(all, 'subagent')) {
      const { session } = await openNumber(recorded, 10);
      const calls = session.turns.flatMap((turn) => turn.steps.flatMap((step) => step.toolCalls));
      expect(session.subagents, labelOf(recorded)).toMatchObject([
        { toolUseId: calls[0]?.id, turnId: session.turns[0]?.turnId, messages: 4, task: 'Explore the folder' },
      ]);
      const own = await storeOf(recorded).open(session.subagents[0]?.file ?? '');
      expect(prompts(own.session.turns)).toEqual(['Look into a.txt']);
      expect((await wholeTurns(own))[0]?.steps.at(-1)?.text).toBe('The explorer found alpha.');
    }
  });

  it('are joined with a call that was stopped with its turn', async () => {
    for (const recorded of named(all, 'stopped-agent')) {
      const { session } = await openNumber(recorded, 81);
      const [turn] = session.turns;
      expect(turn, labelOf(recorded)).toMatchObject({ interrupted: true });
      expect(session.subagents, labelOf(recorded)).toMatchObject([
        { toolUseId: turn?.steps[0]?.toolCalls[0]?.id, turnId: turn?.turnId, task: 'Search it', steps: 0 },
      ]);
    }
  });

  it('run beside one another, each with its own call', async () => {
    for (const recorded of named(all, 'parallel-agents')) {
      const { session } = await openNumber(recorded, 20);
      const calls = session.turns[0]?.steps[0]?.toolCalls ?? [];
      expect(session.subagents, labelOf(recorded)).toHaveLength(2);
      for (const agent of session.subagents) {
        const at = calls.findIndex((call) => call.id === agent.toolUseId);
        const own = await storeOf(recorded).open(agent.file);
        expect(prompts(own.session.turns)).toEqual([['Read the first file', 'Read the second file'][at]]);
        expect(agent.turnId).toBe(session.turns[0]?.turnId);
      }
    }
  });

  it('start others, which name them', async () => {
    for (const recorded of named(all, 'nested-agents')) {
      const { session } = await openNumber(recorded, 21);
      const byTask = new Map(session.subagents.map((agent) => [agent.task, agent]));
      const outer = byTask.get('Agent for: Outer errand');
      const inner = session.subagents.find((agent) => agent !== outer);
      expect(outer, labelOf(recorded)).toMatchObject({ parentAgentId: null, turnId: session.turns[0]?.turnId });
      expect(inner).toMatchObject({ parentAgentId: outer?.agentId });
      const own = await storeOf(recorded).open(outer?.file ?? '');
      expect(own.session.turns[0]?.steps[0]?.toolCalls[0]?.id).toBe(inner?.toolUseId);
    }
  });

  it('may come back after the reply that started them', async () => {
    for (const recorded of named(all, 'background-agent')) {
      const turns = await wholeTurns(await openNumber(recorded, 22));
      expect(
        turns[0]?.steps.map((step) => step.text),
        labelOf(recorded),
      ).toEqual(['', 'It runs now.', 'It came back.']);
    }
  });
});

describe('families', () => {
  it('are told by the origin that a fork names', async () => {
    for (const recorded of named(all, 'sdk-forks')) {
      const listed = await storeOf(recorded).list();
      const origin = listed.find(({ sessionId }) => sessionId === sessionOf(49));
      const forks = listed.filter((summary) => summary !== origin);
      expect(
        forks.map(({ forkedFrom }) => forkedFrom?.sessionId),
        labelOf(recorded),
      ).toEqual([sessionOf(49), sessionOf(49)]);
    }
  });
});
