import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RequestMessage } from '../../../../src/core/api/messagesRequest.ts';
import { ForkPointError, NotFoundError } from '../../../../src/core/errors.ts';
import type { ForkContext } from '../../../../src/core/fork/forkContext.ts';
import type { ForkPoint } from '../../../../src/core/fork/forkRequest.ts';
import { createSessionRequests } from '../../../../src/core/fork/sessionRequests.ts';
import { buildSession } from '../../../../src/core/session/turnTree.ts';
import { checkAlternating, checkLegal } from '../../../support/checkLegal.ts';
import { logRequest } from '../../../support/requestLog.ts';
import { type Line, sha256, TranscriptBuilder } from '../../../support/transcript.ts';

function forkAt(builder: TranscriptBuilder, point: ForkPoint, following?: number): ForkContext {
  const transcript = builder.parsed();
  const tree = buildSession(transcript, {
    sessionId: 's',
    file: '/s.jsonl',
    bytes: 0,
    customTitle: null,
    subagents: [],
  });
  return createSessionRequests(tree, transcript, [], sha256).forkAt(point, following);
}

function spoken(messages: readonly RequestMessage[]): string[] {
  return messages.map((message) => {
    const blocks = message.content as { type: string; text?: string; name?: string; tool_use_id?: string }[];
    return `${message.role}: ${blocks.map((block) => block.text ?? block.name ?? block.tool_use_id ?? block.type).join(' + ')}`;
  });
}

function refusal(builder: TranscriptBuilder, point: ForkPoint): ForkPointError {
  try {
    forkAt(builder, point);
  } catch (error) {
    if (error instanceof ForkPointError) return error;
    throw error;
  }
  throw new Error('The point was not refused.');
}

/** Two turns; the first calls two tools at once. Lines: u1 prompt, u2 text, u3 and u4 calls, u5 and u6 results, u7 reply, u8 prompt, u9 reply. */
function session(): TranscriptBuilder {
  const builder = new TranscriptBuilder();
  builder.prompt('One');
  builder.reply('Reading.', [
    { id: 'a', name: 'Read' },
    { id: 'b', name: 'Grep' },
  ]);
  builder.reply('Read them.');
  builder.prompt('Two');
  builder.reply('Answer two.');
  return builder;
}

describe('a fork before a prompt', () => {
  it('keeps everything before it and puts it back', () => {
    const { point, rebuilt, recordedPrompt, following } = forkAt(session(), { turn: 2 });
    expect(spoken(rebuilt.request.messages)).toEqual([
      'user: One',
      'assistant: Reading. + Read + Grep',
      'user: a + b',
      'assistant: Read them.',
      'user: Two',
    ]);
    expect(point).toEqual({ kind: 'before', uuid: 'u8', turnIndex: 2, turnId: 'u8', label: 'before “Two”' });
    expect(rebuilt.promptAt).toEqual({ message: 4, block: 0 });
    expect(recordedPrompt).toBe('Two');
    expect(following.map((turn) => [turn.index, turn.steps.length])).toEqual([[2, 1]]);
    expect(rebuilt.inputTokens).toBe(130);
  });

  it('works at the first turn', () => {
    const { rebuilt, following } = forkAt(session(), { turn: 1 });
    expect(spoken(rebuilt.request.messages)).toEqual(['user: One']);
    expect(following.map((turn) => turn.index)).toEqual([1, 2]);
  });

  it('says what is missing and defines the tools that were called', () => {
    const { rebuilt } = forkAt(session(), { turn: 2 });
    expect(rebuilt).toMatchObject({ fidelity: 'reconstructed', digestVerified: false, betas: [] });
    expect(rebuilt.missing).toEqual([
      'system prompt',
      'tool definitions (only the names of the tools that were called are known)',
      'request parameters (output limit, thinking, effort, beta features)',
      'context that Claude Code attached, such as files and reminders',
    ]);
    expect(rebuilt.request.tools).toEqual(['Read', 'Grep'].map((name) => ({ name, input_schema: { type: 'object' } })));
    expect(rebuilt.request.model).toBe('claude-opus-5-5');
  });

  it('takes the system prompt and the tools of a snapshot', () => {
    const builder = session();
    const tools = [{ name: 'Read', description: 'Reads', input_schema: { type: 'object', required: ['f'] }, own: 1 }];
    builder.chained('attachment', {
      attachment: { type: 'prompt_snapshot', systemPrompt: ['Be terse.', '', 'Be kind.'], tools },
    });
    const { request } = forkAt(builder, { turn: 1 }).rebuilt;
    expect(request.system).toEqual([
      { type: 'text', text: 'Be terse.' },
      { type: 'text', text: 'Be kind.' },
    ]);
    expect(request.tools).toEqual([
      { name: 'Read', description: 'Reads', input_schema: { type: 'object', required: ['f'] } },
    ]);
  });

  it('finds the prompt beside pictures and reminders', () => {
    const builder = session();
    builder.prompt([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA' } },
      { type: 'text', text: 'Three' },
      { type: 'text', text: '<system-reminder>x</system-reminder>' },
    ]);
    builder.reply('Seen.');
    const { rebuilt, recordedPrompt } = forkAt(builder, { turn: 3 });
    expect(rebuilt.promptAt?.block).toBe(1);
    expect(recordedPrompt).toBe('Three');
  });

  it('says that there is no such turn', () => {
    expect(() => forkAt(session(), { turn: 3 })).toThrow(NotFoundError);
    expect(() => forkAt(session(), { before: 'nowhere' })).toThrow(NotFoundError);
  });

  it('works on an abandoned branch and follows the active one', () => {
    const builder = session();
    builder.goTo('u7');
    builder.prompt('Two, differently');
    builder.reply('Another answer.');
    builder.prompt('Three');
    expect(spoken(forkAt(builder, { turn: 2 }).rebuilt.request.messages).at(-1)).toBe('user: Two');
    expect(forkAt(builder, { turn: 1 }).following.map((turn) => turn.prompt)).toEqual(['One', 'Two, differently']);
    expect(forkAt(builder, { turn: 1 }, Infinity).following.map((turn) => turn.prompt)).toEqual([
      'One',
      'Two, differently',
      'Three',
    ]);
    expect(forkAt(builder, { turn: 4 }).rebuilt.request.messages).toHaveLength(7);
  });

  it('fault 33: sends after a compaction the summary and what was preserved, and before it the old history', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('Old');
    const kept = builder.reply('Old answer.').at(-1);
    const boundary = builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: kept }, null);
    const summary = builder.prompt('Summary of the old', { isCompactSummary: true });
    Object.assign(builder.lines.find((line) => line.uuid === boundary) ?? {}, {
      compactMetadata: { trigger: 'auto', preservedMessages: { anchorUuid: summary, uuids: [kept] } },
    });
    builder.prompt('New');
    builder.reply('New answer.');
    expect(spoken(forkAt(builder, { turn: 2 }).rebuilt.request.messages)).toEqual([
      'user: Summary of the old',
      'assistant: Old answer.',
      'user: New',
    ]);
    expect(spoken(forkAt(builder, { turn: 1 }).rebuilt.request.messages)).toEqual(['user: Old']);
    expect(spoken(forkAt(builder, { after: kept ?? '' }).rebuilt.request.messages)).toEqual([
      'user: Old',
      'assistant: Old answer.',
    ]);
  });
});

describe('a prompt behind a compaction', () => {
  function compacted(metadata: (uuids: { kept: string; summary: string; prompt: string }) => Line) {
    const builder = new TranscriptBuilder();
    const prompt = builder.prompt('Old');
    const [kept = ''] = builder.reply('Old answer.');
    const boundary = builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: kept }, null);
    const summary = builder.prompt('Summary of the old', { isCompactSummary: true });
    const compactMetadata = metadata({ kept, summary, prompt });
    Object.assign(builder.lines.find((line) => line.uuid === boundary) ?? {}, { compactMetadata });
    return { builder, boundary };
  }

  it('goes on from the summary where it hangs on the boundary itself', () => {
    const { builder, boundary } = compacted(() => ({ trigger: 'auto' }));
    builder.goTo(boundary).prompt('New');
    builder.reply('New answer.');
    expect(spoken(forkAt(builder, { turn: 2 }).rebuilt.request.messages)).toEqual(['user: Summary of the old + New']);
    expect(builder.tree().session.branches).toHaveLength(1);
  });

  it.each([
    ['absent', (kept: string) => ({ headUuid: 'gone', tailUuid: kept })],
    ['behind its end', (kept: string, prompt: string) => ({ headUuid: kept, tailUuid: prompt })],
  ])('names what was kept where its beginning is %s', (_how, ends) => {
    const { builder } = compacted(({ kept, summary, prompt }) => ({
      preservedSegment: { ...ends(kept, prompt), anchorUuid: summary },
    }));
    builder.prompt('New');
    const { rebuilt } = forkAt(builder, { turn: 2 });
    expect(spoken(rebuilt.request.messages)).toEqual(['user: Summary of the old + New']);
    expect(rebuilt.missing).toContain('messages that the compaction kept: the recording does not say which');
  });
});

describe('a fork inside a turn', () => {
  it('fault 32: is refused between a call and its result, with the nearest legal points', () => {
    for (const point of [
      { after: 'u3' },
      { after: 'u4' },
      { before: 'u4' },
      { before: 'u5' },
      { after: 'u5' },
      { before: 'u6' },
    ]) {
      const error = refusal(session(), point);
      expect(error.message).toContain('between a tool call and its result');
      expect(error.hint).toBe(
        'Cut before the reply (u2), or after its last result (u6), or before the prompt of turn 1.',
      );
      expect(error.details).toEqual({ nearest: { before: 'u2', after: 'u6', turn: 1 } });
    }
  });

  it('is refused behind thinking', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.chained('assistant', {
      message: { id: 'm', role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 's' }] },
    });
    builder.chained('assistant', { message: { id: 'm', role: 'assistant', content: [{ type: 'text', text: 'Yes' }] } });
    expect(refusal(builder, { after: 'u2' }).message).toContain('behind its thinking');
  });

  it('keeps what stands before it', () => {
    const { rebuilt, following, recordedPrompt, point } = forkAt(session(), { after: 'u6' });
    expect(spoken(rebuilt.request.messages)).toEqual(['user: One', 'assistant: Reading. + Read + Grep', 'user: a + b']);
    expect(following.map((turn) => [turn.index, turn.steps.map((step) => step.index)])).toEqual([
      [1, [2]],
      [2, [1]],
    ]);
    expect([recordedPrompt, rebuilt.promptAt]).toEqual([null, null]);
    expect(point.label).toBe('after the result of Grep in “One”');
    expect(spoken(forkAt(session(), { before: 'u7' }).rebuilt.request.messages)).toEqual(
      spoken(rebuilt.request.messages),
    );
  });

  it('ends with the reply where the cut stands after a turn', () => {
    const { rebuilt, following, point } = forkAt(session(), { after: 'u7' });
    expect(spoken(rebuilt.request.messages).at(-1)).toBe('assistant: Read them.');
    expect(following.map((turn) => [turn.index, turn.steps.length])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(point).toMatchObject({ kind: 'after', turnIndex: 1 });
  });

  it('cuts a reply behind a text block', () => {
    expect(spoken(forkAt(session(), { after: 'u2' }).rebuilt.request.messages)).toEqual([
      'user: One',
      'assistant: Reading.',
    ]);
  });

  it('takes a record that is no message for the message it hangs on', () => {
    const builder = session();
    const aside = builder.chained('attachment', { attachment: { type: 'prompt_snapshot', systemPrompt: [] } });
    expect(forkAt(builder, { after: aside }).point).toMatchObject({ kind: 'after', uuid: 'u9' });
  });
});

describe('a fork where requests were logged', () => {
  function logged(): TranscriptBuilder {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const one = {
      role: 'user',
      content: [
        { type: 'text', text: '<system-reminder>Be terse</system-reminder>' },
        { type: 'text', text: 'One' },
      ],
    };
    const aside = { role: 'system', content: 'Date: today' };
    builder.reply('Answer one.', [], { id: 'm1' });
    builder.prompt('Two');
    const messages = [one, aside, { role: 'assistant', content: 'Answer one.' }, { role: 'user', content: 'Two' }];
    logRequest(builder, { id: 'r2', messages, blobs: [0, 1] });
    builder.reply('Answer two.', [], { id: 'm2', fields: { requestRef: 'r2' } });
    return builder;
  }

  it('sends the recorded request', () => {
    const { rebuilt } = forkAt(logged(), { turn: 2 });
    expect(rebuilt).toMatchObject({
      fidelity: 'exact',
      digestVerified: true,
      missing: [],
      betas: ['beta-1'],
      promptAt: { message: 3, block: 0 },
    });
  });

  it('takes the history of an unlogged turn from a later request', () => {
    const { rebuilt, recordedPrompt } = forkAt(logged(), { turn: 1 });
    expect(spoken(rebuilt.request.messages)).toEqual([
      'user: <system-reminder>Be terse</system-reminder> + One',
      'system: Date: today',
    ]);
    expect(rebuilt).toMatchObject({
      fidelity: 'reconstructed',
      promptAt: { message: 0, block: 1 },
      request: { max_tokens: 1000 },
    });
    expect(rebuilt.missing).toEqual([expect.stringContaining('digest')]);
    expect(recordedPrompt).toBe('One');
  });

  it('goes on from an earlier request', () => {
    const builder = logged();
    const { rebuilt } = forkAt(builder, { after: builder.last ?? '' });
    expect(spoken(rebuilt.request.messages).slice(-2)).toEqual(['user: Two', 'assistant: Answer two.']);
    expect(rebuilt.request).toMatchObject({ max_tokens: 1000, system: [{ text: 'You are terse.' }] });
    builder.prompt('Three');
    expect(spoken(forkAt(builder, { turn: 3 }).rebuilt.request.messages).slice(-2)).toEqual([
      'assistant: Answer two.',
      'user: Three',
    ]);
  });

  it('is not exact where the digest does not verify', () => {
    const builder = logged();
    const shape = builder.lines.find((line) => line.type === 'api-request-shape') as {
      shape: { system: { text: string }[] };
    };
    if (shape.shape.system[0]) shape.shape.system[0].text = 'You are verbose.';
    const { rebuilt } = forkAt(builder, { turn: 2 });
    expect(rebuilt).toMatchObject({ fidelity: 'reconstructed', digestVerified: false });
    expect(rebuilt.missing.join()).toContain('digest');
  });
});

describe('the beginning of a fork', () => {
  function logged(): TranscriptBuilder {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    logRequest(builder, { id: 'r1', messages: [{ role: 'user', content: 'One' }] });
    builder.reply('Answer one.', [], { id: 'm1', fields: { requestRef: 'r1' } });
    return builder;
  }

  it('equals the recorded request where that is sent again', () => {
    expect(forkAt(logged(), { turn: 1 }).rebuilt.prefix).toMatchObject({
      requestId: 'r1',
      messages: { equal: 1, total: 1 },
      stopsAt: null,
    });
  });

  it('ends with the last request that was sent', () => {
    const builder = logged();
    expect(forkAt(builder, { after: builder.last ?? '' }).rebuilt.prefix).toMatchObject({
      requestId: 'r1',
      messages: { equal: 1, total: 2 },
      stopsAt: { message: 1, uuid: 'u2', reason: 'the recorded request ends here' },
    });
  });

  it('goes on into the request that was sent next', () => {
    const builder = logged();
    builder.prompt('Two');
    const messages = [
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Answer one.' },
      { role: 'user', content: 'Two' },
    ];
    logRequest(builder, { id: 'r2', messages });
    builder.reply('Answer two.', [], { id: 'm2', fields: { requestRef: 'r2' } });
    expect(forkAt(builder, { after: 'u2' }).rebuilt.prefix).toMatchObject({
      requestId: 'r2',
      messages: { equal: 2, total: 2 },
      stopsAt: { message: 2, uuid: 'u2', reason: 'cut here' },
    });
  });

  it('ends at a compaction', () => {
    const builder = logged();
    const boundary = builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: builder.last }, null);
    builder.prompt('Summary', { isCompactSummary: true });
    builder.prompt('Two');
    const { prefix } = forkAt(builder, { turn: 2 }).rebuilt;
    expect(prefix).toMatchObject({
      requestId: 'r1',
      system: true,
      tools: true,
      messages: { equal: 0, total: 1 },
      stopsAt: { message: 0, uuid: boundary, reason: 'compaction' },
    });
  });

  it('names the call that summed the conversation up, which is never recorded', () => {
    const builder = logged();
    const last = builder.last ?? '';
    builder.chained('system', { subtype: 'compact_boundary', logicalParentUuid: last }, null);
    builder.prompt('Summary', { isCompactSummary: true });
    builder.prompt('Two');
    expect(forkAt(builder, { after: last }).rebuilt.missing[0]).toContain('never records');
  });
});

describe('a history out of the transcript', () => {
  it('fault 32: gets a result for a call that has none, and says so', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply('Reading.', [
      { id: 'a', name: 'Read', result: null },
      { id: 'b', name: 'Grep' },
    ]);
    const { rebuilt } = forkAt(builder, { after: builder.last ?? '' });
    const content = 'No result was recorded for this tool call.';
    expect(rebuilt.completed).toEqual([{ toolUseId: 'a', tool: 'Read', content }]);
    expect(rebuilt.missing).toContain('the result of one tool call');
    expect(rebuilt.request.messages.at(-1)?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'a', is_error: true, content },
      expect.objectContaining({ tool_use_id: 'b' }),
    ]);
  });

  describe('of one reply whose calls share an id', () => {
    const inputs = [{ file: 'a' }, { file: 'b' }];
    const pairs = (builder: TranscriptBuilder) => {
      const { rebuilt } = forkAt(builder, { turn: 2 });
      checkLegal(rebuilt.request);
      expect(rebuilt.completed).toEqual([]);
      const blocks = rebuilt.request.messages.flatMap(({ content }) => content as Line[]);
      const result = new Map(blocks.map(({ tool_use_id, content }) => [tool_use_id, content]));
      return blocks.flatMap(({ id, input }) => (id === undefined ? [] : [[input, result.get(id)]]));
    };
    const calls = inputs.map((input) => ({ type: 'tool_use', id: 'call_0', name: 'Read', input }));
    const result = (content: string) => ({ type: 'tool_result', tool_use_id: 'call_0', content });
    const line = (content: Line[]): Line => ({ message: { id: 'm', role: 'assistant', content } });
    const expected = [
      [{ file: 'a' }, 'A'],
      [{ file: 'b' }, 'B'],
    ];

    it('gives each its result where they stand in one line', () => {
      const builder = new TranscriptBuilder();
      builder.prompt('One');
      builder.chained('assistant', line(calls));
      builder.prompt([result('A')]);
      builder.prompt([result('B')]);
      builder.reply('Read.');
      builder.prompt('Two');
      expect(pairs(builder)).toEqual(expected);
    });

    it.each([
      ['', ['A', 'B'], false],
      [' that came in another order', ['B', 'A'], true],
    ] as const)('gives each its result%s where they stand in several', (_what, order, isNamed) => {
      const builder = new TranscriptBuilder();
      builder.prompt('One');
      const lines = calls.map((call) => builder.chained('assistant', line([call])));
      for (const content of order) {
        const source = lines['AB'.indexOf(content)];
        builder.prompt([result(content)], isNamed ? { sourceToolAssistantUUID: source } : {});
      }
      builder.reply('Read.');
      builder.prompt('Two');
      expect(pairs(builder)).toEqual(expected);
    });
  });

  it('keeps results that hang on their own call’s line and name no other', () => {
    const builder = session();
    for (const line of builder.lines) delete line.sourceToolAssistantUUID;
    const { rebuilt } = forkAt(builder, { turn: 2 });
    expect(rebuilt.completed).toEqual([]);
    expect(spoken(rebuilt.request.messages)[2]).toBe('user: a + b');
  });

  it('puts what Claude Code attached where it was sent', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const reminder = (text: string) => [{ content: `<system-reminder>\n${text}\n</system-reminder>` }];
    const attach = (text: string, renderedRole: string) =>
      builder.chained('attachment', { attachment: { type: 'date' }, rendered: reminder(text), renderedRole });
    attach('Environment', 'system');
    attach('Attribution', 'user');
    attach('Date', 'system');
    builder.reply('Answer.');
    expect(forkAt(builder, { turn: 1 }).rebuilt.request.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: '<system-reminder>\nAttribution\n</system-reminder>\n' },
          { type: 'text', text: 'One' },
        ],
      },
      { role: 'system', content: [{ type: 'text', text: 'Environment\n\nDate' }] },
    ]);
  });

  describe('and thinking', () => {
    /** A prompt, and a reply that thinks; the request for it may be logged. */
    function ask(builder: TranscriptBuilder, prompt: string, model: string, logged?: object[]): void {
      builder.prompt(prompt);
      const id = `request for ${prompt}`;
      if (logged) logRequest(builder, { id, messages: [...logged, { role: 'user', content: prompt }] as never });
      const content = [
        { type: 'thinking', thinking: `On ${prompt}`, signature: 'c2ln' },
        { type: 'text', text: `Answer to ${prompt}` },
      ];
      builder.chained('assistant', {
        message: { id: `reply to ${prompt}`, role: 'assistant', model, content },
        ...(logged && { requestRef: id }),
      });
    }
    const thoughtIn = ({ request }: ForkContext['rebuilt']) =>
      [...JSON.stringify(request.messages).matchAll(/On (\w+)/g)].map(([, about]) => about);
    const missing = 'thinking that the model takes only behind the very request that it was thought for';

    it('keeps it where nothing binds it', () => {
      const builder = new TranscriptBuilder();
      ask(builder, 'One', 'claude-opus-4-5');
      ask(builder, 'Two', 'claude-opus-4-5');
      const { rebuilt } = forkAt(builder, { turn: 2 });
      expect(thoughtIn(rebuilt)).toEqual(['One']);
      expect(rebuilt.missing).not.toContain(missing);
    });

    it('leaves it out where the model would refuse it behind a request that nobody recorded', () => {
      const builder = new TranscriptBuilder();
      ask(builder, 'One', 'claude-opus-5-5');
      ask(builder, 'Two', 'claude-opus-5-5');
      const { rebuilt } = forkAt(builder, { turn: 2 });
      expect(spoken(rebuilt.request.messages)).toEqual(['user: One', 'assistant: Answer to One', 'user: Two']);
      expect(rebuilt.promptAt).toEqual({ message: 2, block: 0 });
      expect(rebuilt.missing).toContain(missing);
    });

    it('keeps what was thought behind the recorded request, and nothing later', () => {
      const builder = new TranscriptBuilder();
      ask(builder, 'One', 'claude-opus-5-5', []);
      ask(builder, 'Two', 'claude-opus-5-5');
      ask(builder, 'Three', 'claude-opus-5-5');
      expect(thoughtIn(forkAt(builder, { turn: 2 }).rebuilt)).toEqual(['One']);
      const { rebuilt } = forkAt(builder, { turn: 3 });
      expect(thoughtIn(rebuilt)).toEqual(['One']);
      expect(rebuilt.missing).toContain(missing);
    });

    it('is in an exact request as it was recorded', () => {
      const builder = new TranscriptBuilder();
      ask(builder, 'One', 'claude-opus-5-5', []);
      const reply = [
        { type: 'thinking', thinking: 'On One', signature: 'c2ln' },
        { type: 'text', text: 'Answer to One' },
      ];
      const history = [
        { role: 'user', content: 'One' },
        { role: 'assistant', content: reply },
      ];
      ask(builder, 'Two', 'claude-opus-5-5', history);
      const { rebuilt } = forkAt(builder, { turn: 2 });
      expect([rebuilt.fidelity, thoughtIn(rebuilt)]).toEqual(['exact', ['One']]);
    });
  });

  it('leaves out thinking that a reply ended with, and what an error left', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    const thought = { type: 'thinking', thinking: 'Hm', signature: 'c2ln' };
    builder.chained('assistant', {
      message: { id: 'm', role: 'assistant', model: 'claude-opus-5-5', content: [thought] },
    });
    builder.prompt('Two');
    expect(spoken(forkAt(builder, { turn: 2 }).rebuilt.request.messages)).toEqual(['user: One + Two']);
  });

  it('leaves out thinking that a call stood behind which was recorded before', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply('Reading.', [{ id: 'a', name: 'Read' }]);
    const again = [
      { type: 'text', text: 'Once more.' },
      { type: 'thinking', thinking: 'Hm', signature: 'c2ln' },
      { type: 'tool_use', id: 'a', name: 'Read', input: {} },
    ];
    builder.chained('assistant', {
      message: { id: 'm', role: 'assistant', model: 'claude-opus-5-5', content: again },
    });
    builder.prompt('Two');
    const { messages } = forkAt(builder, { turn: 2 }).rebuilt.request;
    expect(messages.at(-2)).toEqual({ role: 'assistant', content: [{ type: 'text', text: 'Once more.' }] });
  });

  it('fills errors that say nothing, and drops empty parts of results', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.reply(null, [
      { id: 'a', result: null },
      { id: 'b', result: null },
    ]);
    const [one, other] = ['u2', 'u3'];
    const answer = (id: string, more: object, source?: string) =>
      builder.chained('user', {
        message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, ...more }] },
        sourceToolAssistantUUID: source,
      });
    answer('a', { is_error: true, content: '' }, one);
    answer(
      'b',
      {
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'x' },
        ],
      },
      other,
    );
    const { rebuilt } = forkAt(builder, { after: builder.last ?? '' });
    expect(rebuilt.request.messages.at(-1)?.content).toEqual([
      { type: 'tool_result', tool_use_id: 'a', is_error: true, content: 'The tool failed and said nothing.' },
      { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'x' }] },
    ]);
  });

  const late = '2026-01-01T10:00:01.500Z';
  const sibling = '2026-01-01T10:00:02.000Z';
  it.each([
    ['attachment', { attachment: { type: 'async_hook_response' } }, late],
    ['attachment', { attachment: { type: 'date' } }, late],
    ['progress', { data: { type: 'hook_progress' } }, late],
    ['system', { subtype: 'local_command', content: '<command-name>/cost</command-name>' }, late],
    ['system', { subtype: 'api_error' }, null],
    ['system', { subtype: 'api_error' }, sibling],
  ])('goes on behind the turn where the next prompt hangs on a late row (%s %j %s)', (type, fields, timestamp) => {
    const builder = session();
    builder.lines.splice(7);
    builder.chained(type, fields, 'u1');
    Object.assign(builder.lines.at(-1) ?? {}, { timestamp });
    builder.prompt('Two');
    builder.reply('Answer two.');
    expect(builder.tree().session.branches).toHaveLength(1);
    expect(spoken(forkAt(builder, { turn: 2 }).rebuilt.request.messages)).toEqual([
      'user: One',
      'assistant: Reading. + Read + Grep',
      'user: a + b',
      'assistant: Read them.',
      'user: Two',
    ]);
  });

  it('names what its turns say beside the way to the next prompt', () => {
    const builder = session();
    builder.lines.splice(7);
    builder.goTo('u2');
    builder.prompt('Two');
    expect(forkAt(builder, { turn: 2 }).rebuilt.missing).toContain(
      '1 message that the recording went on without (line 7)',
    );
  });

  it('says where the recording is damaged', () => {
    const builder = new TranscriptBuilder();
    builder.prompt('One');
    builder.lines.push(builder.lines[0]!);
    builder.reply('Answer.');
    builder.prompt('Two');
    expect(forkAt(builder, { turn: 2 }).rebuilt.missing).toContain('what is damaged in the recording (line 2)');
  });
});

describe('every legal point', () => {
  const text = fc.constantFrom('text', '', ' ', 'half \ud83d', '☃');
  const turnSpec = fc.record({
    prompt: text,
    steps: fc.array(
      fc.record({ text: fc.option(text), calls: fc.array(fc.option(fc.string(), { freq: 3 }), { maxLength: 3 }) }),
      { maxLength: 3 },
    ),
    interrupted: fc.boolean(),
  });

  it('gives a request that the API accepts', () => {
    fc.assert(
      fc.property(fc.array(turnSpec, { minLength: 1, maxLength: 4 }), fc.nat(), (turns, back) => {
        const builder = new TranscriptBuilder();
        let serial = 0;
        const prompts: string[] = [];
        for (const [at, turn] of turns.entries()) {
          if (at === turns.length - 1 && prompts.length > 1) builder.goTo(prompts[back % prompts.length] ?? null);
          prompts.push(builder.prompt(`prompt ${at} ${turn.prompt}`));
          for (const step of turn.steps) {
            const calls = step.calls.map((result) => ({ id: `t${serial++}`, result }));
            builder.reply(step.text ?? (calls.length === 0 ? 'said' : null), calls);
          }
          if (turn.interrupted) builder.prompt([{ type: 'text', text: '[Request interrupted by user]' }]);
        }
        builder.reply('A last word.');
        for (const turn of builder.tree().session.turns) {
          const { rebuilt } = forkAt(builder, { turn: turn.index });
          checkLegal(rebuilt.request);
          checkAlternating(rebuilt.request);
          expect(rebuilt.promptAt).not.toBeNull();
        }
        for (const message of builder.tree().messages()) {
          for (const point of [{ before: message.uuid }, { after: message.uuid }]) {
            try {
              checkLegal(forkAt(builder, point).rebuilt.request);
            } catch (error) {
              if (!(error instanceof ForkPointError)) throw error;
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
