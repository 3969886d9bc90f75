import { describe, expect, it } from 'vitest';
import { createDemoModel } from '../../../../src/adapters/demo/createDemoModel.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import type { ModelStreamEvent } from '../../../../src/core/run/ports.ts';

const atOnce = { sleep: async (_ms: number, signal?: AbortSignal) => signal?.throwIfAborted() };
const model = createDemoModel({ clock: atOnce });
const base: MessagesRequest = {
  model: 'claude-opus-4-5',
  max_tokens: 1000,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Now handle emoji' }] }],
};
const never = new AbortController().signal;
const ask = (change: Partial<MessagesRequest> = {}, events: ModelStreamEvent[] = []) =>
  model.stream({ ...base, ...change } as MessagesRequest, [], {
    signal: never,
    onEvent: (event) => events.push(event),
  });
const textOf = async (change: Partial<MessagesRequest> = {}) => String((await ask(change)).content[0]?.text);

describe('the offline demo model', () => {
  it('answers the same question in the same way, and says what it is', async () => {
    expect(await textOf()).toBe(await textOf());
    expect(await textOf()).toContain('offline demo model');
    expect(await textOf({ output_config: { effort: 'low' } })).toContain('offline demo model');
    expect((await ask()).model).toBe('forkpoint-demo');
  });

  it('answers differently for another model, system prompt, prompt or effort', async () => {
    const answers = await Promise.all([
      textOf(),
      textOf({ model: 'claude-haiku-4-5' }),
      textOf({ system: 'Answer in one sentence.' }),
      textOf({ messages: [{ role: 'user', content: 'Now handle flags' }] }),
      textOf({ output_config: { effort: 'max' } }),
    ]);
    expect(new Set(answers).size).toBe(answers.length);
  });

  it('streams what it replies', async () => {
    const events: ModelStreamEvent[] = [];
    const reply = await ask({}, events);
    expect(events[0]).toEqual({ type: 'first-token' });
    const streamed = events.map((event) => (event.type === 'text' ? event.text : '')).join('');
    expect(streamed).toBe(reply.content[0]?.text);
    expect(events.length).toBeGreaterThan(5);
    expect(reply.usage.outputTokens).toBeGreaterThan(10);
  });

  it('reads the file of the history first where it has the tool, then answers', async () => {
    const tools = [{ name: 'Read', input_schema: { type: 'object' } }];
    const read = { type: 'tool_use', id: 'toolu_1', name: 'Read', input: { file_path: '/home/sam/app/a.ts' } };
    const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: '1\tconst a = 1;' };
    const history: MessagesRequest['messages'] = [
      { role: 'user', content: 'Look at it' },
      { role: 'assistant', content: [read] },
      { role: 'user', content: [result] },
      { role: 'assistant', content: [{ type: 'text', text: 'Seen.' }] },
      { role: 'user', content: 'Now handle emoji' },
    ];
    const first = await ask({ tools, messages: history });
    expect(first).toMatchObject({
      stopReason: 'tool_use',
      content: [{ type: 'text' }, { ...read, id: expect.any(String) }],
    });
    const second = await ask({
      tools,
      messages: [...history, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }],
    });
    expect(second.stopReason).toBe('end_turn');
    expect(second.content[0]?.text).toContain('const a = 1;');
    expect((await ask({ messages: history })).stopReason).toBe('end_turn');
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const asked = model.stream(base, [], {
      signal: stop.signal,
      onEvent: (event) => event.type === 'text' && stop.abort(new Error('enough')),
    });
    await expect(asked).rejects.toThrow('enough');
  });
});
