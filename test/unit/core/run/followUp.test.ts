import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import type { StoredReply } from '../../../../src/core/api/storedReply.ts';
import type { StoredRequest } from '../../../../src/core/fork/forkPlan.ts';
import { followUp } from '../../../../src/core/run/followUp.ts';

type Block = StoredReply['content'][number];

const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
const text = (value: string): Block => ({ type: 'text', text: value });
const call = (id: unknown): Block => ({ type: 'tool_use', id, name: 'Read', input: { file_path: '/a' } });
const thought = (signature?: string): Block => ({
  type: 'thinking',
  thinking: 'Hm.',
  ...(signature !== undefined && { signature }),
});
const replied = (...content: Block[]): StoredReply => ({
  content,
  model: 'claude-opus-4-5',
  stopReason: 'tool_use',
  usage,
  requestId: null,
});

function asked(model = 'claude-opus-4-5', over: Partial<MessagesRequest> = {}): StoredRequest {
  return {
    betas: [],
    request: {
      model,
      max_tokens: 1000,
      tools: [{ name: 'Read', input_schema: { type: 'object' } }],
      messages: [
        { role: 'user', content: 'Go' },
        { role: 'assistant', content: [{ ...call('toolu_1') }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'A' }] },
      ],
      ...over,
    },
  };
}

/** What is sent behind the reply, one recorded result for each of its calls. */
function after(reply: StoredReply, stored = asked(), result: unknown = 'B', isError = false) {
  const results = reply.content.filter(({ type }) => type === 'tool_use').map(() => ({ content: result, isError }));
  const made = followUp(stored, reply, { kind: 'results', results });
  return { ...made, added: made.next.request.messages.slice(stored.request.messages.length) };
}

describe('a reply that is sent back', () => {
  it('is sent as it is where the API takes it', () => {
    const content = [thought('c2ln'), text('Look.'), call('toolu_2')];
    const { added, notes, refused } = after(replied(...content));
    expect(added[0]).toEqual({ role: 'assistant', content });
    expect(added[1]?.content).toMatchObject([{ tool_use_id: 'toolu_2', cache_control: { type: 'ephemeral' } }]);
    expect([notes, refused]).toEqual([[], null]);
  });

  it.each<[string, Block[], Block[], string]>([
    ['an empty text', [text(''), call('c')], [call('c')], 'empty text'],
    ['a blank text', [text(' \n'), call('c')], [call('c')], 'empty text'],
    ['unsigned thinking', [thought(), call('c')], [call('c')], 'without its signature'],
    ['thinking with an empty signature', [thought(''), call('c')], [call('c')], 'without its signature'],
    ['redacted thinking of nothing', [{ type: 'redacted_thinking' }, call('c')], [call('c')], 'without its data'],
    ['an unknown block', [{ type: 'hologram', data: 1 }, call('c')], [call('c')], '“hologram”'],
    [
      'a result of a server tool without its call',
      [{ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_9', content: [] }, call('c')],
      [call('c')],
      'without its call',
    ],
    [
      'a call of a server tool with an id of another provider',
      [{ type: 'server_tool_use', id: 'call-7', name: 'web_search', input: {} }, call('c')],
      [call('c')],
      'without its result',
    ],
  ])('goes without %s', (_what, content, sent, said) => {
    const { added, notes, refused } = after(replied(...content));
    expect(added[0]?.content).toEqual(sent);
    expect(refused).toBeNull();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain(said);
  });

  it('gets ids that the conversation does not have yet, and so do the results', () => {
    const { added, notes, refused } = after(replied(call('toolu_1'), call('toolu_1'), call('a b'), call(undefined)));
    const ids = ['toolu_1_2', 'toolu_1_3', 'a_b', 'call'];
    expect(added[0]?.content).toMatchObject(ids.map((id) => ({ id })));
    expect(added[1]?.content).toMatchObject(ids.map((id) => ({ tool_use_id: id })));
    expect(refused).toBeNull();
    expect(notes[0]).toContain('used twice');
    expect(notes[0]).toContain('“toolu_1” by “toolu_1_2”, “toolu_1” by “toolu_1_3”, “a b” by “a_b” and none by “call”');
  });

  it('loses thinking behind what was left out where the model takes it only behind just that', () => {
    const content = [text(''), thought('c2ln'), call('c')];
    expect(after(replied(...content), asked('claude-fable-5-1')).added[0]?.content).toEqual([call('c')]);
    expect(after(replied(...content), asked('claude-opus-4-5')).added[0]?.content).toHaveLength(2);
  });

  it('keeps a search and its result', () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const found = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] };
    const { added, notes } = after(replied(search, found, call('c')));
    expect(added[0]?.content).toHaveLength(3);
    expect(notes).toEqual([]);
  });

  it('ends the branch where nothing of it is left', () => {
    const stored = asked();
    const { refused } = followUp(stored, replied(text(' '), thought()), { kind: 'prompt', prompt: [text('Next')] });
    expect(refused).toContain('nothing of it can be sent back');
  });

  it('ends the branch where a call can’t be sent', () => {
    const { refused } = after(replied({ ...call('c'), input: 'no object' }));
    expect(refused).toContain('messages.3.content.0.input');
  });

  it('goes on with a reply that paused, without white space at its end', () => {
    const search = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const stored = asked();
    const paused = followUp(stored, replied(text('I search. '), search), { kind: 'pause' });
    expect(paused.next.request.messages.at(-1)).toEqual({
      role: 'assistant',
      content: [text('I search. '), search],
    });
    const spoken = followUp(stored, replied(text('I search. ')), { kind: 'pause' });
    expect(spoken.next.request.messages.at(-1)?.content).toEqual([text('I search.')]);
    expect(spoken.refused).toBeNull();
  });

  it('keeps to four cache breakpoints', () => {
    const mark = { cache_control: { type: 'ephemeral' } };
    const system = Array.from({ length: 4 }, () => ({ ...text('s'), ...mark }));
    const { refused, added } = after(replied(call('c')), asked('claude-opus-4-5', { system }));
    expect(refused).toBeNull();
    expect(JSON.stringify(added)).not.toContain('cache_control');
  });
});

describe('a recorded result', () => {
  it('that is an error and says nothing is filled in', () => {
    expect(after(replied(call('c')), asked(), [{ type: 'text', text: '' }], true).refused).toBeNull();
    expect(after(replied(call('c')), asked(), '', true).refused).toBeNull();
  });

  it('that refers to a tool which is not defined becomes text', () => {
    const found = ['Read', 'mcp__figma__get'].map((tool_name) => ({ type: 'tool_reference', tool_name }));
    const { added, refused } = after(replied(call('c')), asked(), found);
    expect(refused).toBeNull();
    expect(added[1]?.content).toMatchObject([
      { content: [found[0], { type: 'text', text: expect.stringContaining('mcp__figma__get') }] },
    ]);
  });
});

const anyText = fc.constantFrom('', ' ', '\n', 'Words.', 'Words. ', 'half \ud83d');
const anyId = fc.option(fc.constantFrom('toolu_1', 'toolu_1_2', 'call_0', 'a b', '', 'srvtoolu_1', 'ünique'), {
  nil: undefined,
});
const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  anyText.map(text),
  fc.option(fc.constantFrom('', ' ', 'c2ln'), { nil: undefined }).map(thought),
  fc.constantFrom('', 'data').map((data) => ({ type: 'redacted_thinking', data })),
  anyId.map(call),
  fc
    .record({ id: anyId, name: fc.constantFrom('Read', 'no such name!'), input: fc.constantFrom({}, null, 'text', []) })
    .map((parts) => ({ type: 'tool_use', ...parts })),
  fc
    .tuple(fc.constantFrom('server_tool_use', 'mcp_tool_use'), anyId)
    .map(([type, id]) => ({ type, id, name: 'web_search', input: {} })),
  fc
    .tuple(fc.constantFrom('web_search_tool_result', 'mcp_tool_result'), anyId)
    .map(([type, tool_use_id]) => ({ type, tool_use_id, content: [] })),
  fc.constantFrom({ type: 'hologram' }, { type: 'tool_result', tool_use_id: 'toolu_1' }, { type: 'image' }),
);
const anyResult = fc.record({
  content: fc.oneof(anyText, fc.array(anyText.map(text), { maxLength: 2 }), fc.constant(null)),
  isError: fc.boolean(),
});
const anyModel = fc.constantFrom('claude-opus-4-5', 'claude-fable-5-1', 'another-model');

describe('whatever the model replies', () => {
  it('what follows is legal, or refused in words', () => {
    const replies = fc.array(fc.tuple(fc.array(anyBlock, { maxLength: 5 }), anyResult, fc.boolean()), { maxLength: 4 });
    fc.assert(
      fc.property(anyModel, replies, (model, course) => {
        let stored = asked(model);
        for (const [content, result, pauses] of course) {
          const reply = replied(...content);
          const calls = content.filter(({ type }) => type === 'tool_use');
          const answer =
            calls.length > 0
              ? ({ kind: 'results', results: calls.map(() => result) } as const)
              : pauses
                ? ({ kind: 'pause' } as const)
                : ({ kind: 'prompt', prompt: [text('Next')] } as const);
          const { next, refused } = followUp(stored, reply, answer);
          if (refused !== null) return refused.includes('so the branch ends here');
          expect(checkRequest(next.request)).toEqual([]);
          const types = next.request.messages.flatMap((message) =>
            typeof message.content === 'string' ? [] : message.content.map(({ type }) => type),
          );
          expect(types).not.toContain('hologram');
          stored = next;
        }
        return true;
      }),
      { numRuns: 2000 },
    );
  });
});
