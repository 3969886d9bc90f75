import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Turn } from '../../../../src/core/session/recordedSession.ts';
import { TranscriptBuilder, treeOf } from '../../../support/transcript.ts';

const encoder = new TextEncoder();

function promptsOf(builder: TranscriptBuilder): string[] {
  return builder.tree().session.turns.map((turn) => turn.prompt);
}

/** The first turn with its contents. */
function firstTurn(builder: TranscriptBuilder): Turn {
  const tree = builder.tree();
  const [turn] = tree.session.turns;
  if (turn === undefined) throw new Error('There is no turn.');
  return tree.wholeTurn(turn);
}

describe('what counts as a turn', () => {
  it('passes over what Claude Code wrote itself', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('<local-command-caveat>Ran in Claude Code</local-command-caveat>', { isMeta: true });
    builder.prompt(
      '<command-name>/model</command-name><command-message>model</command-message><command-args></command-args>',
    );
    builder.prompt('<local-command-stdout>Set model to Opus</local-command-stdout>');
    builder.prompt('Do it');
    builder.reply('Half of', [], { fields: { isAbortedMidStream: true } });
    builder.prompt([{ type: 'text', text: '[Request interrupted by user]' }]);
    builder.prompt('<task-notification><task-id>x</task-id></task-notification>');
    builder.prompt('<bash-stdout>a.txt</bash-stdout><bash-stderr></bash-stderr>');
    builder.prompt('Summary of what was', { isCompactSummary: true });
    builder.prompt('Of a subagent', { isSidechain: true });
    expect(promptsOf(builder)).toEqual(['Do it']);
    expect(builder.tree().session.turns[0]?.interrupted).toBe(true);
  });

  it('passes over a command whose output a system record holds, as newer versions write it', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Do it');
    builder.reply('Done.');
    builder.prompt('<command-name>/usage</command-name><command-message>usage</command-message>');
    const content = '<local-command-stdout>Little</local-command-stdout>';
    builder.chained('system', { subtype: 'local_command', content });
    builder.prompt('Go on');
    expect(promptsOf(builder)).toEqual(['Do it', 'Go on']);
  });

  it('counts a command that the person typed behind `!`, which the model gets to see', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('<bash-input>ls</bash-input>');
    builder.prompt('<bash-stdout>a.txt</bash-stdout><bash-stderr></bash-stderr>');
    builder.reply('One file.');
    expect(promptsOf(builder)).toEqual(['! ls']);
    expect(builder.tree().session.turns[0]?.steps).toHaveLength(1);
  });

  it('counts a prompt as one whose parts were written a second apart', () => {
    const builder = new TranscriptBuilder();
    for (const text of ['<ide_selection>let a</ide_selection>', '<ide_opened_file>a.ts</ide_opened_file>', 'Why?'])
      builder.prompt([{ type: 'text', text }]);
    builder.reply('Because.');
    expect(promptsOf(builder)).toEqual(['Why?']);
    expect(builder.tree().session.summary.title).toBe('Why?');
  });

  it('counts what a person asks behind output that they pasted', () => {
    const builder = new TranscriptBuilder();
    const asked = [
      '<bash-stdout>No space left</bash-stdout>\nWhy?',
      '<local-command-stdout>Low</local-command-stdout> Is it?',
    ];
    for (const text of asked) {
      builder.prompt(text);
      builder.reply('Because.');
    }
    expect(promptsOf(builder)).toEqual(asked);
  });

  it('keeps what the person wrote while a turn ran with that turn', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Do it');
    builder.reply(null, [{ id: 't1' }]);
    builder.chained('attachment', {
      attachment: { type: 'queued_command', prompt: 'And that', commandMode: 'prompt' },
    });
    builder.chained('attachment', {
      attachment: { type: 'queued_command', prompt: [{ type: 'text', text: 'This too' }] },
    });
    builder.chained('attachment', {
      attachment: { type: 'queued_command', prompt: '<task-notification>', commandMode: 'task-notification' },
    });
    builder.reply('Done.');
    const [turn] = builder.tree().session.turns;
    expect(turn?.absorbed.map(({ text }) => text)).toEqual(['And that', 'This too']);
    expect(turn?.steps).toHaveLength(2);
  });

  it('counts a slash command that reaches the model, as it was typed', () => {
    const builder = new TranscriptBuilder();
    builder.prompt(
      '<command-message>review is running…</command-message>\n<command-name>/review</command-name>\n<command-args>src and test</command-args>',
    );
    builder.prompt([{ type: 'text', text: 'Review the following…' }], { isMeta: true });
    builder.reply('Reviewed.');
    expect(promptsOf(builder)).toEqual(['/review src and test']);
  });

  it('leaves pictures and reminders out of the prompt, not out of its content', () => {
    const builder = new TranscriptBuilder();
    builder.prompt([
      { type: 'text', text: '<ide_opened_file>The user opened a.ts</ide_opened_file>' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
      { type: 'text', text: 'What is this?' },
      { type: 'text', text: '<system-reminder>\nBe brief.\n</system-reminder>' },
    ]);
    const turn = firstTurn(builder);
    expect(turn).toMatchObject({ prompt: 'What is this?', attachments: 1 });
    expect(turn.promptContent).toHaveLength(4);
  });
});

describe('steps', () => {
  it('are replies: lines of one message together, usage once, results with their calls', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Go');
    builder.reply('Reading.', [
      { id: 'a', name: 'Read', input: { f: 1 }, result: 'A' },
      { id: 'b', name: 'Grep', result: null },
    ]);
    builder.reply('Done.', [], { model: 'claude-haiku-4-5' });
    const turn = firstTurn(builder);
    expect(turn).toMatchObject({
      models: ['claude-opus-5-5', 'claude-haiku-4-5'],
      tools: ['Read', 'Grep'],
      usage: { inputTokens: 20, outputTokens: 10, cacheReadTokens: 200, cacheWriteTokens: 40 },
    });
    expect(turn.steps).toMatchObject([
      {
        index: 1,
        text: 'Reading.',
        uuids: ['u2', 'u3', 'u4'],
        stopReason: 'tool_use',
        toolCalls: [
          { id: 'a', input: { f: 1 }, result: { content: 'A' } },
          { id: 'b', result: null },
        ],
      },
      { index: 2, text: 'Done.', uuids: ['u6'], stopReason: 'end_turn', toolCalls: [] },
    ]);
  });

  it('do not hold replies that no model wrote; an API error is the turn’s', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Go');
    builder.reply('No response requested.', [], { model: '<synthetic>' });
    builder.prompt('Again');
    builder.reply('API Error: 400 bad', [], { model: '<synthetic>', fields: { isApiErrorMessage: true } });
    builder.prompt('Killed while it retried');
    builder.chained('system', { subtype: 'api_error', error: { formatted: '529 Overloaded' } });
    const { turns, summary } = builder.tree().session;
    expect(turns.map((turn) => turn.steps.length)).toEqual([0, 1, 0]);
    expect(turns.map((turn) => turn.error)).toEqual([null, 'API Error: 400 bad', '529 Overloaded']);
    expect(summary.models).toEqual([]);
  });
});

describe('branches', () => {
  it('are made by going back, not by parallel calls', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const [, , , , last] = builder.reply('Both', [{ id: 'a' }, { id: 'b' }]);
    const first = builder.reply('Read them.').at(-1) ?? '';
    builder.prompt('Two');
    builder.reply('Answer two');
    expect(builder.tree().session.branches).toHaveLength(1);
    builder.goTo(first);
    builder.prompt('Two, differently');
    const end = builder.reply('Another answer').at(-1);
    const { session } = builder.tree();
    expect(last).toBeDefined();
    expect(session.turns.map((turn) => turn.active)).toEqual([true, false, true]);
    expect(session.branches).toMatchObject([
      { active: false, splitUuid: first, turns: [session.turns[1]?.turnId] },
      { active: true, splitUuid: null, leafUuid: end, turns: [session.turns[0]?.turnId, session.turns[2]?.turnId] },
    ]);
    expect(session.turns[2]?.parentTurnId).toBe(session.turns[0]?.turnId);
  });

  it('follow where the person went back without asking anew', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const first = builder.reply('Answer one').at(-1);
    builder.prompt('Two');
    builder.reply('Answer two');
    builder.unchained('last-prompt', { leafUuid: first, explicit: true });
    const { session } = builder.tree();
    expect(session.turns.map((turn) => turn.active)).toEqual([true, false]);
    expect(session.branches.map((branch) => [branch.active, branch.turns.length])).toEqual([
      [true, 1],
      [false, 1],
    ]);
  });

  it('show no message of an abandoned branch as active, and every result of a parallel batch', () => {
    const builder = new TranscriptBuilder();
    const one = builder.prompt('One');
    builder.reply('Both', [{ id: 'a' }, { id: 'b' }]);
    builder.reply('Read.');
    builder.goTo(one);
    expect([...builder.tree().messages()].every((message) => message.active)).toBe(true);
    builder.goTo(null);
    builder.prompt('From the start again');
    const messages = [...builder.tree().messages()];
    expect(messages.map((message) => message.active)).toEqual([...messages.slice(1).map(() => false), true]);
  });
});

describe('broken links', () => {
  it('fall back on the order of the file where a parent is missing', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply('Answer');
    builder.goTo('gone');
    builder.prompt('Two');
    const { session } = builder.tree();
    expect(session.problems).toMatchObject([{ kind: 'missing_parent', line: 3 }]);
    expect(session.turns[1]?.parentTurnId).toBe(session.turns[0]?.turnId);
  });

  it('end however parents are mixed up', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            parent: fc.option(fc.nat(12)),
            kind: fc.constantFrom('user', 'assistant', 'system', 'boundary'),
          }),
          { maxLength: 12 },
        ),
        (lines) => {
          const text = lines.map(({ parent, kind }, at) => {
            const type = kind === 'boundary' ? 'system' : kind;
            const message = { id: `m${at % 3}`, role: type, content: `text ${at}` };
            return JSON.stringify({
              type,
              uuid: `u${at}`,
              parentUuid: parent === null ? null : `u${parent}`,
              sessionId: 's',
              message,
              ...(kind === 'boundary' && { subtype: 'compact_boundary' }),
            });
          });
          const { session } = treeOf(encoder.encode(text.join('\n')));
          expect(session.turns).toHaveLength(lines.filter((line) => line.kind === 'user').length);
          // Every turn is on some line of development: none is lost.
          const shown = new Set([
            ...session.branches.flatMap((branch) => branch.turns),
            ...session.turns.filter((turn) => turn.active).map((turn) => turn.turnId),
          ]);
          expect(shown.size).toBe(session.turns.length);
        },
      ),
    );
  });
});

describe('titles', () => {
  it('prefer the person’s own, then the model’s, then the first prompt', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('  First\nprompt  ');
    expect(builder.tree().session.summary.title).toBe('First prompt');
    builder.unchained('ai-title', { aiTitle: 'By the model' });
    expect(builder.tree().session.summary.title).toBe('By the model');
    builder.unchained('custom-title', { customTitle: 'By the person' });
    builder.unchained('ai-title', { aiTitle: 'Later by the model' });
    expect(builder.tree().session.summary.title).toBe('By the person');
    expect(new TranscriptBuilder().tree().session.summary.title).toBe('Untitled session');
  });
});
