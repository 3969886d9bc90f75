import { describe, expect, it } from 'vitest';
import { checkRequest } from '../../../../src/core/api/checkRequest.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import type { RequestRule } from '../../../../src/core/api/requestRules.ts';

type Loose = Record<string, unknown>;

const text = (value: string, more: Loose = {}) => ({ type: 'text', text: value, ...more });
const call = (id: string, more: Loose = {}) => ({ type: 'tool_use', id, name: 'Read', input: {}, ...more });
const result = (id: string, more: Loose = {}) => ({ type: 'tool_result', tool_use_id: id, content: 'done', ...more });
const search = (id: string) => ({ type: 'server_tool_use', id, name: 'web_search', input: {} });
const found = (tool_use_id: string) => ({ type: 'web_search_tool_result', tool_use_id, content: [] });
const reference = (tool_name: string) => ({ type: 'tool_reference', tool_name });
const thought = (more: Loose = {}) => ({ type: 'thinking', thinking: '', signature: 'c2ln', ...more });
const user = (...content: unknown[]) => ({ role: 'user', content });
const model = (...content: unknown[]) => ({ role: 'assistant', content });
const system = (...content: unknown[]) => ({ role: 'system', content });
const mark = { cache_control: { type: 'ephemeral' } };
const longMark = { cache_control: { type: 'ephemeral', ttl: '1h' } };

function request(messages: unknown[], more: Loose = {}): MessagesRequest {
  const tools = [{ name: 'Read', input_schema: { type: 'object' } }];
  return { model: 'm', max_tokens: 100, tools, messages, ...more } as MessagesRequest;
}

function broken(messages: unknown[], more: Loose = {}): [RequestRule, string][] {
  return checkRequest(request(messages, more)).map(({ rule, path }) => [rule, path]);
}

describe('a request that the API takes', () => {
  it.each<[string, unknown[], Loose?]>([
    ['one prompt', [{ role: 'user', content: 'Hello' }]],
    ['a conversation', [user(text('One')), model(text('Two')), user(text('Three'))]],
    [
      'parallel calls, results in any order',
      [user(text('Go')), model(text('I read.'), call('a'), call('b')), user(result('b'), result('a'))],
    ],
    ['text behind the results', [user(text('Go')), model(call('a')), user(result('a'), text('And?'))]],
    [
      'two messages of the user side by side',
      [user(text('One')), user(text('Two')), model(text('Three')), user(text('Four'))],
    ],
    ['results in two messages', [user(text('Go')), model(call('a'), call('b')), user(result('a')), user(result('b'))]],
    ['a reply in two messages', [user(text('Go')), model(text('I read.')), model(call('a')), user(result('a'))]],
    ['a system message before a reply', [user(text('Go')), system(text('Note')), model(text('Yes')), user(text('On'))]],
    ['a system message at the end', [user(text('Go')), model(call('a')), user(result('a')), system(text('Note'))]],
    [
      'a system message that only sets the effort',
      [user(text('Go')), { ...system(), output_config: { effort: 'low' } }],
    ],
    ['thinking that is signed', [user(text('Go')), model(thought(), call('a')), user(result('a'))]],
    ['an empty result', [user(text('Go')), model(call('a')), user(result('a', { content: '' }))]],
    ['a pair of surrogates', [user(text('\ud83d\ude00'))]],
    ['a beginning of a reply', [user(text('Go')), model(text('I'))]],
    [
      'four breakpoints, long ones first',
      [user(text('a', mark), text('b', mark))],
      { system: [text('s', longMark), text('t', longMark)] },
    ],
    [
      'a search and its result, and a call that waits for a result of ours',
      [
        user(text('Go')),
        model(search('srvtoolu_1'), found('srvtoolu_1'), text('Yes')),
        user(text('On')),
        model(search('srvtoolu_2'), call('a')),
        user(result('a')),
      ],
    ],
    ['a search that is paused', [user(text('Go')), model(search('srvtoolu_1'))]],
    [
      'a tool that runs at the API',
      [user(text('Go'))],
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
    ],
    [
      'calls of a tool that is not offered any more',
      [user(text('Go')), model(call('a', { name: 'Gone' })), user(result('a'))],
    ],
  ])('%s', (_name, messages, more) => {
    expect(checkRequest(request(messages, more))).toEqual([]);
  });
});

describe('a request that the API refuses', () => {
  const going = [user(text('Go'))];

  it.each<[RequestRule, string, unknown[], Loose?]>([
    ['no_messages', 'messages', []],
    ['server_result_without_call', 'messages.1.content.0', [...going, model(found('srvtoolu_1'), text('Yes'))]],
    [
      'server_call_unanswered',
      'messages.1.content.0',
      [...going, model(search('srvtoolu_1'), text('Yes')), user(text('On'))],
    ],
    ['server_call_id', 'messages.1.content.0.id', [...going, model(search('call_1'), found('call_1'))]],
    [
      'tool_reference',
      'messages.2.content.0',
      [...going, model(call('a')), user(result('a', { content: [reference('Read'), reference('Gone')] }))],
    ],
    ['first_role', 'messages.0', [model(text('Hi')), user(text('Go'))]],
    ['unknown_role', 'messages.1.role', [...going, { role: 'tool', content: 'x' }]],
    ['system_place', 'messages.2', [...going, model(text('Yes')), system(text('Note'))]],
    ['system_place', 'messages.1', [...going, system(text('Note')), user(text('On'))]],
    ['empty_message', 'messages.0', [user(), model(text('a')), user(text('b'))]],
    ['empty_message', 'messages.1', [...going, system()]],
    ['empty_text', 'messages.0.content.1', [user(text('Go'), text(' \n'))]],
    ['empty_text', 'messages.0.content.0', [{ role: 'user', content: '' }]],
    [
      'empty_text',
      'messages.2.content.0.content.0',
      [...going, model(call('a')), user(result('a', { content: [text('')] }))],
    ],
    ['empty_text', 'system.0', going, { system: [text('  ')] }],
    ['block_role', 'messages.0.content.0', [user(thought(), text('Go'))]],
    ['block_role', 'messages.1.content.0', [...going, model({ type: 'image', source: { type: 'file' } }, text('a'))]],
    ['call_unanswered', 'messages.1', [...going, model(call('a'))]],
    ['call_unanswered', 'messages.1', [...going, model(call('a'), call('b')), user(result('a'))]],
    ['call_unanswered', 'messages.1', [...going, model(call('a')), user(text('Wait'))]],
    ['result_without_call', 'messages.0.content.0', [user(result('a'))]],
    ['result_twice', 'messages.2.content.1', [...going, model(call('a')), user(result('a'), result('a'))]],
    ['results_not_first', 'messages.2.content.1', [...going, model(call('a')), user(text('So'), result('a'))]],
    ['call_shape', 'messages.1.content.0.id', [...going, model(call('a b')), user(result('a b'))]],
    ['call_shape', 'messages.1.content.0.name', [...going, model(call('a', { name: 'R d' })), user(result('a'))]],
    ['call_shape', 'messages.1.content.0.input', [...going, model(call('a', { input: 'x' })), user(result('a'))]],
    [
      'error_without_content',
      'messages.2.content.0',
      [...going, model(call('a')), user(result('a', { is_error: true, content: '' }))],
    ],
    [
      'thinking_unsigned',
      'messages.1.content.0',
      [...going, model(thought({ signature: '' }), text('a')), user(text('b'))],
    ],
    [
      'thinking_unsigned',
      'messages.1.content.0',
      [...going, model({ type: 'redacted_thinking' }, text('a')), user(text('b'))],
    ],
    ['thinking_place', 'messages.1.content.1', [...going, model(text('a'), thought()), user(text('b'))]],
    ['thinking_budget', 'thinking.budget_tokens', going, { thinking: { type: 'enabled', budget_tokens: 100 } }],
    ['trailing_space', 'messages.1.content.0', [...going, model(text('I '))]],
    [
      'image_source',
      'messages.0.content.0.source',
      [user({ type: 'image', source: { type: 'base64', media_type: 'image/bmp', data: 'AA' } })],
    ],
    ['tools_missing', 'tools', [...going, model(call('a')), user(result('a'))], { tools: [] }],
    [
      'tool_name',
      'tools.1.name',
      going,
      {
        tools: [
          { name: 'R', input_schema: { type: 'object' } },
          { name: 'R', input_schema: { type: 'object' } },
        ],
      },
    ],
    ['tool_name', 'tools.0.name', going, { tools: [{ name: 'no good', input_schema: { type: 'object' } }] }],
    ['tool_schema', 'tools.0.input_schema', going, { tools: [{ name: 'R' }] }],
    ['cache_marks', 'messages.0.content.4', [user(...['a', 'b', 'c', 'd', 'e'].map((each) => text(each, mark)))]],
    ['cache_mark_place', 'messages.1.content.0', [...going, model(thought(mark), text('a')), user(text('b'))]],
    ['cache_mark_order', 'messages.0.content.0', [user(text('a', longMark))], { system: [text('s', mark)] }],
    ['ill_formed_text', 'messages.0.content.0.text', [user(text('half \ud83d'))]],
    [
      'ill_formed_text',
      'tools.0.description',
      going,
      { tools: [{ name: 'R', description: '\udc00', input_schema: { type: 'object' } }] },
    ],
  ])('%s at %s', (rule, path, messages, more) => {
    expect(broken(messages, more)).toEqual([[rule, path]]);
  });

  it('one of more than 32 MB, counted in bytes', () => {
    expect(broken([user(text('☃'.repeat(11 * 1024 * 1024)))])).toEqual([['too_large', '']]);
    expect(broken([user(text('x'.repeat(31 * 1024 * 1024)))])).toEqual([]);
  });

  it('for the second of two calls with the same id', () => {
    const twice = [...going, model(call('a')), user(result('a')), model(call('a')), user(result('a'))];
    expect(broken(twice)).toEqual([['call_id_twice', 'messages.3.content.0']]);
  });
});
