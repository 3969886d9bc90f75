import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentMessage } from '../../../../src/core/agent/agentPorts.ts';
import { LineSplitter } from '../../../../src/core/agent/lineSplitter.ts';
import { readStreamLine } from '../../../../src/core/agent/streamProtocol.ts';
import { TurnReader } from '../../../../src/core/agent/turnReader.ts';

const init = { type: 'system', subtype: 'init', model: 'm', tools: ['Bash'], claude_code_version: '2.1.329' };
const event = (type: string, more: object = {}, parent: string | null = null) => ({
  type: 'stream_event',
  event: { type, ...more },
  parent_tool_use_id: parent,
});
const usage = { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 3 };
const text = (at: number, piece: string) =>
  event('content_block_delta', { index: at, delta: { type: 'text_delta', text: piece } });
/** A streamed reply of one text block. */
const streamed = (id: string, ...pieces: string[]) => [
  event('message_start', { message: { id, model: 'm', usage } }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...pieces.map((piece) => text(0, piece)),
];
const ended = (reason = 'end_turn') => [
  event('content_block_stop', { index: 0 }),
  event('message_delta', { delta: { stop_reason: reason }, usage: { output_tokens: 7 } }),
  event('message_stop'),
];
const assistant = (id: string, content: object[], more: object = {}) => ({
  type: 'assistant',
  message: { id, model: 'm', content, stop_reason: null, usage },
  parent_tool_use_id: null,
  ...more,
});
const result = (more: object = {}) => ({
  type: 'result',
  subtype: 'success',
  is_error: false,
  stop_reason: 'end_turn',
  total_cost_usd: 0.5,
  ...more,
});
const call = { type: 'tool_use', id: 'c1', name: 'Bash', input: { command: 'ls' } };
const answered = (id: string, parent: string | null = null) => ({
  type: 'user',
  message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'out' }] },
  parent_tool_use_id: parent,
});
const task = (id: string, kind: string) => ({
  type: 'system',
  subtype: 'task_started',
  task_id: id,
  task_type: kind,
});

function read(lines: readonly unknown[], reader = new TurnReader()): AgentMessage[] {
  return lines.flatMap((line) => {
    const known = readStreamLine(JSON.stringify(line));
    return known === null ? [] : reader.add(known);
  });
}
const repliesOf = (messages: AgentMessage[]) =>
  messages.flatMap((message) => (message.type === 'reply' ? [message.reply] : []));

describe('what an agent says', () => {
  it('has its calls as its session records them, not as the model wrote them', () => {
    const start = { type: 'tool_use', id: 'c1', name: 'Edit', input: {} };
    const input_json_delta = { type: 'input_json_delta', partial_json: '{"old_string":"a","new_string":"b  "}' };
    const recorded = { old_string: 'a', new_string: 'b', replace_all: false };
    const lines = [
      init,
      event('message_start', { message: { id: 'm1', model: 'm', usage } }),
      event('content_block_start', { index: 0, content_block: start }),
      event('content_block_delta', { index: 0, delta: input_json_delta }),
      assistant('m1', [{ ...start, input: recorded }]),
    ];
    const [reply] = repliesOf(read([...lines, ...ended('tool_use')]));
    expect(reply?.content).toEqual([{ ...start, input: recorded }]);
    const cut = new TurnReader();
    read(lines, cut);
    // Asked for before its reply is whole.
    expect(cut.inputOf('c1')).toEqual(recorded);
    expect(repliesOf(cut.finish())[0]?.content).toMatchObject([{ input: recorded }]);
  });

  it('is a reply put together from its stream; the same message in whole lines counts once', () => {
    const messages = read([
      init,
      ...streamed('m1', 'He', 'llo'),
      assistant('m1', [{ type: 'text', text: 'Hello' }]),
      ...ended(),
      assistant('m1', [{ type: 'text', text: 'Hello' }]),
      result(),
    ]);
    expect(messages).toEqual([
      { type: 'started', model: 'm', tools: ['Bash'], version: '2.1.329', permissionMode: null },
      { type: 'first-token' },
      { type: 'text', text: '', outputTokens: 1 },
      { type: 'text', text: 'He', outputTokens: null },
      { type: 'text', text: 'llo', outputTokens: null },
      { type: 'text', text: '', outputTokens: 7 },
      {
        type: 'reply',
        messageId: 'm1',
        parent: null,
        reply: {
          content: [{ type: 'text', text: 'Hello' }],
          model: 'm',
          stopReason: 'end_turn',
          usage: { inputTokens: 10, outputTokens: 7, cacheReadTokens: 3, cacheWriteTokens: 0 },
          requestId: null,
        },
      },
    ]);
  });

  it('comes from whole lines where nothing is streamed', () => {
    const messages = read([
      assistant('m1', [{ type: 'text', text: 'I run.' }]),
      assistant('m1', [call]),
      answered('c1'),
      assistant('m2', [{ type: 'text', text: 'Done.' }]),
      result(),
    ]);
    expect(messages.map(({ type }) => type)).toEqual(['reply', 'tool-result', 'reply']);
    expect(repliesOf(messages).map(({ content }) => content)).toEqual([
      [{ type: 'text', text: 'I run.' }, call],
      [{ type: 'text', text: 'Done.' }],
    ]);
  });

  it('of a subagent bears its parent, and counts its tokens once', () => {
    const sub = { parent_tool_use_id: 'c9' };
    const messages = read([
      event('message_start', { message: { id: 'x' } }, 'c9'),
      assistant('s1', [{ type: 'text', text: 'Hm.' }], sub),
      assistant('s1', [call], sub),
      answered('c1', 'c9'),
    ]);
    expect(messages).toMatchObject([
      { type: 'reply', parent: 'c9', reply: { usage: { inputTokens: 10 } } },
      { type: 'reply', parent: 'c9', reply: { content: [call], usage: { inputTokens: 0 } } },
      { type: 'tool-result', callId: 'c1', parent: 'c9', content: 'out', isError: false },
    ]);
  });

  it('is kept as far as it came where the turn was stopped, not where it was asked for anew', () => {
    const retry = { type: 'system', subtype: 'api_retry', attempt: 1, retry_delay_ms: 500, error_status: 529 };
    const again = read([
      ...streamed('m1', 'torn'),
      { ...retry, error: 'overloaded' },
      ...streamed('m2', 'whole'),
      ...ended(),
    ]);
    expect(repliesOf(again).map(({ content }) => content)).toEqual([[{ type: 'text', text: 'whole' }]]);
    const ends = [event('content_block_stop', { index: 0 }), event('message_stop', {})];
    const closed = read([...streamed('m1', 'torn'), ...ends, retry, ...streamed('m2', 'whole'), ...ended()]);
    expect(repliesOf(closed).map(({ content }) => content)).toEqual([[{ type: 'text', text: 'whole' }]]);
    expect(again).toContainEqual({
      type: 'retrying',
      attempt: 1,
      delayMs: 500,
      message: 'The API is overloaded (529).',
    });

    const stopped = read([...streamed('m1', 'so far'), result({ subtype: 'error_during_execution', is_error: true })]);
    expect(repliesOf(stopped)).toMatchObject([{ content: [{ text: 'so far' }], stopReason: null }]);
    const reader = new TurnReader();
    read(streamed('m1', 'so far'), reader);
    expect(repliesOf(reader.finish())).toHaveLength(1);
    expect(reader.finish()).toEqual([]);
  });

  it('is told of compactions, and of calls that its own settings deny', () => {
    const compacted = { type: 'system', subtype: 'compact_boundary', compact_metadata: { pre_tokens: 9 } };
    const denied = {
      type: 'system',
      subtype: 'permission_denied',
      tool_name: 'Bash',
      tool_use_id: 'c1',
      message: 'No.',
    };
    const reader = new TurnReader();
    reader.noteDenied('c2');
    const denials = ['c1', 'c2', 'c3'].map((id) => ({
      tool_name: 'Bash',
      tool_use_id: id,
      tool_input: { command: id },
    }));
    const messages = read(
      [assistant('m1', [call]), compacted, denied, result({ permission_denials: denials })],
      reader,
    );
    expect(messages.filter(({ type }) => type !== 'reply')).toEqual([
      { type: 'compacted', preTokens: 9 },
      { type: 'denied', callId: 'c1', tool: 'Bash', input: undefined, message: 'No.' },
      {
        type: 'denied',
        callId: 'c3',
        tool: 'Bash',
        input: { command: 'c3' },
        message: 'Denied by Claude Code’s own settings.',
      },
    ]);
  });
});

it('calls that an interrupt ended are not denied, unlike those that a setting forbids', () => {
  const refused = (id: string, content: unknown) => ({
    type: 'user',
    message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content, is_error: true }] },
    parent_tool_use_id: null,
  });
  const interrupted =
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the new_string was NOT written to the file). STOP what you are doing and wait for the user to tell you how to proceed.";
  const calls = ['c1', 'c2', 'c3'].map((id) => ({ ...call, id }));
  const denials = calls.map(({ id, name, input }) => ({ tool_name: name, tool_use_id: id, tool_input: input }));
  const messages = read([
    assistant('m1', calls),
    refused('c1', 'Permission to use Bash has been denied.'),
    refused('c2', interrupted),
    refused('c3', [{ type: 'text', text: interrupted }]),
    result({ subtype: 'error_during_execution', is_error: true, permission_denials: denials }),
  ]);
  expect(messages.flatMap((message) => (message.type === 'denied' ? [message.callId] : []))).toEqual(['c1']);
});

describe('the end of a turn', () => {
  const endOf = (lines: unknown[], costBefore = 0) => {
    const reader = new TurnReader(costBefore);
    read(lines, reader);
    return reader.end;
  };

  it('tells the cost of this process, however it is reported', () => {
    expect(endOf([result()])?.costUsd).toBe(0.5);
    expect(endOf([result()], 0.2)?.costUsd).toBeCloseTo(0.3);
    const since = { a: { costUSD: 0.1 }, b: { costUSD: 0.05 } };
    const twice = [result({ model_usage_since_last_result: since }), result({ model_usage_since_last_result: since })];
    expect(endOf(twice, 9)?.costUsd).toBeCloseTo(0.3);
    expect(endOf([result({ total_cost_usd: null })])?.costUsd).toBeNull();
  });

  it('is taken back when something in the background makes the agent go on', () => {
    const reader = new TurnReader();
    const said = [...streamed('m1', 'I wait.'), ...ended()];
    read([init, task('t1', 'local_bash'), ...said, result()], reader);
    expect(reader.tasks.waitsFor).toBe('shells');
    read([task('t2', 'local_agent')], reader);
    expect(reader.tasks.waitsFor).toBe('agents');
    read([{ type: 'system', subtype: 'background_tasks_changed', tasks: [] }], reader);
    expect(reader.tasks.waitsFor).toBe('turn');
    expect(reader.end?.kind).toBe('completed');
    read([init], reader);
    expect(reader.end).toBeNull();
    read([...streamed('m2', 'On.'), ...ended('max_tokens'), result()], reader);
    expect(reader.tasks.waitsFor).toBe('nothing');
    expect(reader.end?.stopReason).toBe('max_tokens');
  });

  it('comes early where a login is refused again', () => {
    const retry = (attempt: number) => ({
      type: 'system',
      subtype: 'api_retry',
      attempt,
      retry_delay_ms: 1,
      error_status: 401,
      error: 'authentication_failed',
    });
    const reader = new TurnReader();
    read([retry(1)], reader);
    expect(reader.hopeless).toBeNull();
    read([retry(2)], reader);
    expect(reader.hopeless).toMatchObject({ code: 'authentication' });
  });
});

describe('any input', () => {
  const known: unknown[] = [
    init,
    ...streamed('m1', 'a\u2028b', '😀'),
    ...ended(),
    assistant('m2', [call]),
    assistant('m3', [call], { parent_tool_use_id: 'c1' }),
    answered('c1'),
    task('t1', 'local_bash'),
    { type: 'rate_limit_event', rate_limit_info: { status: 'rejected', resetsAt: 1 } },
    { type: 'control_request', request_id: 'r', request: { subtype: 'can_use_tool', tool_name: 'Bash', input: {} } },
    result({ permission_denials: [{ tool_name: 'x', tool_use_id: 'y' }] }),
  ];
  /** A line of a known kind, one member of it replaced by anything. */
  const damaged = fc.tuple(fc.constantFrom(...known), fc.nat(30), fc.jsonValue()).map(([line, at, value]) => {
    let left = at;
    return JSON.stringify(line, (key, member) => (key !== '' && left-- === 0 ? value : member));
  });
  const line = fc.oneof(
    fc.constantFrom(...known).map((value) => JSON.stringify(value)),
    damaged,
    fc.jsonValue().map((value) => JSON.stringify(value)),
    fc.string().map((garbage) => garbage.replace(/[\r\n]/g, '')),
  );

  it('is never thrown about, and means the same however it is cut', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), fc.array(fc.nat(200), { maxLength: 20 }), (lines, cuts) => {
        const whole = lines.map((one) => `${one}\n`).join('');
        const pieces: string[] = [];
        let from = 0;
        for (const cut of cuts) {
          pieces.push(whole.slice(from, from + cut));
          from += cut;
        }
        pieces.push(whole.slice(from));
        const messagesOf = (parts: string[]) => {
          const splitter = new LineSplitter();
          const reader = new TurnReader();
          const said = parts
            .flatMap((part) => splitter.add(part))
            .map(readStreamLine)
            .flatMap((one) => (one === null ? [] : reader.add(one)));
          return { said: [...said, ...reader.finish()], end: reader.end, waitsFor: reader.tasks.waitsFor };
        };
        expect(messagesOf(pieces)).toEqual(messagesOf([whole]));
      }),
    );
  });

  it('is passed over where it means nothing', () => {
    for (const odd of ['', 'not json', '[]', 'null', '{"type":"keep_alive"}', '{"type":"system","subtype":"status"}']) {
      expect(readStreamLine(odd)).toBeNull();
    }
  });
});
