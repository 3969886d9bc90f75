import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type MessagesApi,
  type MessagesApiOptions,
  type ReplyScript,
  startMessagesApi,
} from '../../support/messagesApi.ts';

let api: MessagesApi | undefined;
async function start(
  script: ReplyScript,
  options?: MessagesApiOptions,
): Promise<{ api: MessagesApi; client: Anthropic }> {
  api = await startMessagesApi(script, options);
  return { api, client: new Anthropic({ apiKey: 'sk-ant-test', baseURL: api.baseUrl, maxRetries: 0 }) };
}
const ask = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [{ role: 'user' as const, content: 'Hi' }] };

describe('the stand-in of the Messages API', () => {
  afterEach(async () => {
    await api?.close();
    api = undefined;
  });

  it('streams text, thinking and tool calls that the SDK puts together again', async () => {
    const content = [
      { type: 'thinking' as const, thinking: 'Let me think.', signature: 'c2ln' },
      { type: 'text' as const, text: 'One moment, please.' },
      { type: 'tool_use' as const, id: 'toolu_1', name: 'Read', input: { file_path: '/a', limit: 3 } },
    ];
    const { client, api } = await start([{ content, usage: { input_tokens: 7, output_tokens: 9 } }]);
    const message = await client.messages.stream(ask).finalMessage();
    expect(message.content).toEqual(content);
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      model: ask.model,
      usage: { input_tokens: 7, output_tokens: 9 },
    });
    expect(api.requests[0]).toMatchObject({ body: { ...ask, stream: true }, closedByClient: false });
  });

  it('answers without a stream, lists models and counts tokens', async () => {
    const { client, api } = await start(['Hello']);
    expect((await client.messages.create(ask)).content).toEqual([{ type: 'text', text: 'Hello' }]);
    expect((await client.models.list()).data.map((model) => model.id)).toContain('claude-haiku-4-5');
    expect(
      (await client.messages.countTokens({ model: ask.model, messages: ask.messages })).input_tokens,
    ).toBeGreaterThan(0);
    expect(api.counted).toHaveLength(1);
  });

  it('fails with a status and headers, in mid-stream, and by tearing the socket', async () => {
    const { client } = await start([
      { status: 429, headers: { 'retry-after': '3' } },
      { content: 'abcdef', endAfter: 2, ending: { errorType: 'overloaded_error', message: 'Busy' } },
      { content: 'abcdef', endAfter: 2, ending: 'destroy' },
      { silent: 'destroy' },
    ]);
    const refused = await client.messages
      .create(ask)
      .catch((error: unknown) => error as InstanceType<typeof Anthropic.APIError>);
    expect(refused).toMatchObject({ status: 429 });
    expect('headers' in refused && refused.headers?.get('retry-after')).toBe('3');
    const texts: string[] = [];
    const overloaded = client.messages.stream(ask).on('text', (text) => texts.push(text));
    await expect(overloaded.finalMessage()).rejects.toThrow(/Busy/);
    const torn = client.messages.stream(ask).on('text', (text) => texts.push(text));
    await expect(torn.finalMessage()).rejects.toThrow();
    expect(texts).toEqual(['ab', 'cd', 'ab', 'cd']);
    await expect(client.messages.create(ask)).rejects.toThrow(Anthropic.APIConnectionError);
  });

  it('sees a client that goes away while the stream hangs', async () => {
    const { client, api } = await start([{ content: 'abc', endAfter: 1, ending: 'hang' }]);
    const stream = client.messages.stream(ask);
    const ended = stream.finalMessage().catch((error: unknown) => error);
    await new Promise((resolve) => stream.once('text', resolve));
    stream.abort();
    expect(await ended).toBeInstanceOf(Anthropic.APIUserAbortError);
    await api.requests[0]?.done;
    expect(api.requests[0]?.closedByClient).toBe(true);
  });

  it('holds a reply back until the test opens the gate', async () => {
    const gate = Promise.withResolvers<void>();
    const { client, api } = await start([{ content: 'abc', before: gate.promise }, 'second']);
    const first = client.messages.create(ask);
    await api.received(1);
    await client.messages.create(ask);
    expect(api.requests[0]?.firstByteAt).toBeNull();
    gate.resolve();
    await first;
    expect(api.maxOpen()).toBe(2);
  });

  it('makes the test fail when a request comes that the script does not foresee', async () => {
    const { client, api: server } = await start([]);
    api = undefined;
    await expect(client.messages.create(ask)).rejects.toThrow(/no reply left/);
    await expect(server.close()).rejects.toThrow(/no reply left/);
  });

  it('counts the prompt cache as the API does: written by the first, read by whoever comes after its first byte', async () => {
    const { client } = await start(['one', 'two', 'three'], { simulateCache: true });
    const cached = (text: string) => ({
      ...ask,
      system: [
        { type: 'text' as const, text: 'You are terse.'.repeat(20), cache_control: { type: 'ephemeral' as const } },
      ],
      messages: [{ role: 'user' as const, content: text }],
    });
    const first = (await client.messages.create(cached('Hi'))).usage;
    const second = (await client.messages.create(cached('Ho'))).usage;
    expect(first.cache_creation_input_tokens).toBeGreaterThan(50);
    expect(first.cache_read_input_tokens).toBe(0);
    expect(second).toMatchObject({
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: first.cache_creation_input_tokens,
    });
    const other = (await client.messages.create({ ...cached('Ho'), model: 'claude-sonnet-4-5' })).usage;
    expect(other.cache_read_input_tokens).toBe(0);
  });
});
