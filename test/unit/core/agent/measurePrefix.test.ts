import { describe, expect, it } from 'vitest';
import { measurePrefix } from '../../../../src/core/agent/measurePrefix.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';

const text = (words: string, more: object = {}) => ({ type: 'text', text: words, ...more });
const tool = (name: string, more: object = {}) => ({ name, description: `Does ${name}`, ...more });

function request(over: Partial<MessagesRequest> = {}): MessagesRequest {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 1000,
    tools: [tool('Agent'), tool('Bash')],
    system: [text('x-anthropic-billing-header: a'), text('You help.'), text('Well.')],
    messages: [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [text('Hi.')] },
      { role: 'user', content: [text('Recorded prompt')] },
      { role: 'system', content: 'A reminder' },
    ],
    ...over,
  };
}

/** The same with another prompt, as a branch sends it. */
function branch(over: Partial<MessagesRequest> = {}): MessagesRequest {
  const { messages } = request();
  return request({ messages: [...messages.slice(0, 2), { role: 'user', content: 'New prompt' }], ...over });
}

describe('the measured prefix', () => {
  it('is whole where only the prompt differs', () => {
    expect(measurePrefix(request(), branch())).toEqual({ equal: 6, total: 6, stopsAt: null });
  });

  it('does not count how texts are wrapped, cache marks, and the billing line', () => {
    const sent = branch({
      system: [text('You help.'), text('Well.', { cache_control: { type: 'ephemeral' } })],
      messages: [
        { role: 'user', content: [text('Hello', { cache_control: { type: 'ephemeral' } })] },
        { role: 'assistant', content: 'Hi.' },
        { role: 'user', content: 'New prompt' },
      ],
    });
    expect(measurePrefix(request(), sent)).toEqual({ equal: 6, total: 6, stopsAt: null });
  });

  it('stops at a tool more, a tool less, another tool', () => {
    const stop = (tools: object[]) => measurePrefix(request(), branch({ tools: tools as MessagesRequest['tools'] }));
    expect(stop([tool('Agent'), tool('AskUserQuestion'), tool('Bash')])).toEqual({
      equal: 1,
      total: 6,
      stopsAt: 'the tool AskUserQuestion was not recorded',
    });
    expect(stop([tool('Agent'), tool('Bash'), tool('Write')])).toEqual({
      equal: 2,
      total: 6,
      stopsAt: 'the tool Write was not recorded',
    });
    expect(stop([tool('Bash')]).stopsAt).toBe('the tool Agent was not sent');
    expect(stop([tool('Agent')])).toEqual({ equal: 1, total: 6, stopsAt: 'the tool Bash was not sent' });
    expect(stop([tool('Bash'), tool('Agent')]).stopsAt).toBe('the tool Agent stands elsewhere');
    expect(stop([tool('Agent'), tool('Bash', { description: 'x' })]).stopsAt).toBe('the tool Bash differs');
  });

  it('says which versions sent what differs', () => {
    const sent = branch({ system: [text('You help.'), text('Better.')] });
    expect(measurePrefix(request(), sent, { recorded: '2.1.300', sent: '2.1.329' })).toEqual({
      equal: 3,
      total: 6,
      stopsAt: 'part 2 of the system prompt differs: it was recorded with Claude Code 2.1.300, and 2.1.329 answers',
    });
    expect(measurePrefix(request(), sent, { recorded: '2.1.329', sent: '2.1.329' }).stopsAt).toBe(
      'part 2 of the system prompt differs',
    );
  });

  it('says another model, another path, and limits that Claude Code sets for a single prompt', () => {
    const messages = [{ role: 'user' as const, content: 'Hello there' }];
    const at = { recorded: '2.1.329', sent: '2.1.329' };
    const first = 'message 1 of the history (user) differs';
    expect(measurePrefix(request(), branch({ messages, model: 'claude-haiku-4-5' }), at).stopsAt).toBe(
      `${first}: another model answers`,
    );
    expect(measurePrefix(request(), branch({ messages }), { ...at, moved: true }).stopsAt).toBe(
      `${first}: the branch works at another path`,
    );
    const limited = (ms: number) => request({ tools: [tool('Bash', { description: `default ${ms}, max 7200000` })] });
    expect(measurePrefix(limited(600_000), limited(1_800_000), at).stopsAt).toBe(
      'the tool Bash differs: a single `claude -p` is told other time limits',
    );
  });

  it('stops at a message that differs or is missing', () => {
    const said = (messages: MessagesRequest['messages']) => measurePrefix(request(), branch({ messages }));
    expect(said([{ role: 'user', content: 'Hello!' }])).toMatchObject({
      equal: 4,
      stopsAt: 'message 1 of the history (user) differs',
    });
    expect(said([{ role: 'user', content: 'Hello' }])).toMatchObject({
      equal: 5,
      stopsAt: 'message 2 of the history (assistant) was not sent',
    });
  });

  it('counts results of tools that are sent in one message with the prompt', () => {
    const result = { type: 'tool_result', tool_use_id: 't1', content: 'done' };
    const history: MessagesRequest['messages'] = [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: {} }] },
    ];
    const recorded = request({ messages: [...history, { role: 'user', content: [result] }] });
    const sent = (content: MessagesRequest['messages'][number]['content']) =>
      measurePrefix(recorded, branch({ messages: [...history, { role: 'user', content }] }));
    expect(sent([result, text('New prompt')])).toEqual({ equal: 7, total: 7, stopsAt: null });
    expect(sent([{ ...result, content: 'other' }, text('New prompt')])).toMatchObject({
      equal: 6,
      stopsAt: 'message 3 of the history (results of tools) differs',
    });
  });

  it('is tools and system prompt where nothing was said before', () => {
    const recorded = request({ messages: [{ role: 'user', content: 'First' }] });
    expect(measurePrefix(recorded, branch({ messages: [{ role: 'user', content: 'Other' }] }))).toEqual({
      equal: 4,
      total: 4,
      stopsAt: null,
    });
  });
});
