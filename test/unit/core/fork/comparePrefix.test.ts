import { describe, expect, it } from 'vitest';
import type { MessagesRequest, RequestMessage } from '../../../../src/core/api/messagesRequest.ts';
import { branchPrefix, comparePrefix, noRecordedPrefix } from '../../../../src/core/fork/comparePrefix.ts';
import { describePrefix } from '../../../../src/core/fork/describePrefix.ts';

const mark = { cache_control: { type: 'ephemeral' } };
const said = (role: 'user' | 'assistant', text: string, more: object = {}): RequestMessage => ({
  role,
  content: [{ type: 'text', text, ...more }],
});

function request(messages: RequestMessage[], more: object = {}): MessagesRequest {
  return {
    model: 'claude-opus-5-5',
    max_tokens: 100,
    system: [{ type: 'text', text: 'Be terse.' }],
    tools: [{ name: 'Read', input_schema: { type: 'object' } }],
    messages,
    ...more,
  };
}

const history = [said('user', 'One'), said('assistant', 'Two'), said('user', 'Three', mark)];
const recorded = { id: 'r1', request: request(history) };
const here = () => ({ uuid: 'u', reason: 'cut here' });
const whole = comparePrefix(recorded, recorded.request, here);

describe('the equal beginning of two requests', () => {
  it('is all of it where nothing differs but breakpoints and the form of texts', () => {
    const messages: RequestMessage[] = [
      { role: 'user', content: 'One' },
      said('assistant', 'Two', mark),
      said('user', 'Three'),
    ];
    const match = comparePrefix(recorded, request(messages, { max_tokens: 7 }), here);
    expect(match).toEqual(whole);
    expect(match).toEqual({
      requestId: 'r1',
      messages: { equal: 3, total: 3 },
      system: true,
      tools: true,
      parameters: [],
      cacheCanHit: true,
      stopsAt: null,
    });
    expect(describePrefix(match).text).toBe('all 3 messages as recorded; the prompt cache can hit');
    expect(describePrefix(match, 'claude-code').text).toMatch(/^forecast: all 3 messages as recorded/);
  });

  it('ends at the first message that differs', () => {
    const sent = request([history[0]!, said('assistant', 'Other'), history[2]!]);
    expect(comparePrefix(recorded, sent, (at) => ({ uuid: `u${at}`, reason: 'differs' }))).toMatchObject({
      messages: { equal: 1, total: 3 },
      // The only breakpoint of the recorded request stands behind the difference.
      cacheCanHit: false,
      stopsAt: { message: 1, uuid: 'u1', reason: 'differs' },
    });
  });

  it('ends where either request ends', () => {
    expect(comparePrefix(recorded, request(history.slice(0, 2)), here).stopsAt).toEqual({
      message: 2,
      uuid: 'u',
      reason: 'cut here',
    });
    const longer = comparePrefix(recorded, request([...history, said('assistant', 'Four')]), here);
    expect(longer).toMatchObject({ messages: { equal: 3, total: 4 }, cacheCanHit: true, stopsAt: { message: 3 } });
    expect(describePrefix(longer).text).toBe('3 of 4 messages as recorded; the prompt cache can hit');
  });

  it.each<[string, object, string, boolean]>([
    ['model', { model: 'claude-haiku-4-5' }, 'another model', false],
    ['tools', { tools: [] }, 'other tools', false],
    ['system', { system: 'Be kind.' }, 'another system prompt', false],
    ['thinking', { thinking: { type: 'adaptive' } }, 'another thinking', false],
    ['output_config', { output_config: { effort: 'low' } }, 'another effort or output format', false],
  ])('stands before the messages where %s differs', (_what, more, reason, hits) => {
    const match = comparePrefix(recorded, request(history, more), here);
    expect(match).toMatchObject({ cacheCanHit: hits, stopsAt: { message: null, uuid: null, reason } });
    expect(match.messages).toEqual({ equal: 3, total: 3 });
    expect(describePrefix(match).text).toContain(reason);
  });

  it('can be read from the cache up to a breakpoint of the system prompt although a parameter differs', () => {
    const marked = { id: 'r1', request: request(history, { system: [{ type: 'text', text: 'Be terse.', ...mark }] }) };
    const sent = request(history, { thinking: { type: 'adaptive' } });
    expect(comparePrefix(marked, sent, here).cacheCanHit).toBe(true);
    expect(comparePrefix(marked, request(history, { system: 'Be kind.' }), here).cacheCanHit).toBe(false);
  });

  it('is unknown where nothing was recorded', () => {
    const none = noRecordedPrefix(recorded.request, { uuid: null, reason: 'no log' });
    expect(none).toMatchObject({ requestId: null, cacheCanHit: false, messages: { equal: 0, total: 3 } });
    expect(describePrefix(none).text).toBe('no recorded request to compare with');
  });
});

describe('the beginning of a branch', () => {
  const unchanged = { request: recorded.request, prefix: whole };

  it('is that of the fork where the branch changes nothing', () => {
    expect(branchPrefix(unchanged, recorded.request, 'p')).toEqual(whole);
  });

  it('ends at its own prompt', () => {
    const match = branchPrefix(unchanged, request([...history.slice(0, 2), said('user', 'Mine')]), 'p');
    expect(match).toMatchObject({
      messages: { equal: 2, total: 3 },
      stopsAt: { message: 2, uuid: 'p', reason: 'the branch’s own prompt' },
    });
  });

  it('says that the branch changed what stands before the messages', () => {
    const match = branchPrefix(unchanged, request(history, { system: 'Be kind.' }), 'p');
    expect(match.stopsAt?.reason).toBe('another system prompt, chosen by the branch');
    expect(match).toMatchObject({ system: false, tools: true, cacheCanHit: false });
  });

  it('ends no later than the fork does', () => {
    const shorter = {
      ...whole,
      messages: { equal: 1, total: 3 },
      stopsAt: { message: 1, uuid: 'x', reason: 'compaction' },
    };
    const sent = request([...history.slice(0, 2), said('user', 'Mine')]);
    expect(branchPrefix({ ...unchanged, prefix: shorter }, sent, 'p')).toMatchObject({
      messages: { equal: 1, total: 3 },
      stopsAt: { message: 1, uuid: 'x', reason: 'compaction' },
    });
  });
});
