import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAnthropicClient } from '../../../../src/adapters/anthropic/createAnthropicClient.ts';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import { ModelCallError } from '../../../../src/core/errors.ts';
import type { ModelStreamEvent } from '../../../../src/core/run/ports.ts';
import { type MessagesApi, type ReplyScript, startMessagesApi } from '../../../support/messagesApi.ts';

const key = 'sk-ant-test-0123456789';
const request: MessagesRequest = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  field_of_the_future: { kept: true },
};

let api: MessagesApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

async function start(script: ReplyScript, idleMs?: number) {
  api = await startMessagesApi(script);
  const client = createAnthropicClient({ apiKey: async () => key, baseUrl: api.baseUrl, idleMs });
  const events: ModelStreamEvent[] = [];
  const controller = new AbortController();
  const ask = () =>
    client.stream(request, ['beta-a', 'beta-b'], { signal: controller.signal, onEvent: (event) => events.push(event) });
  return { api, client, events, controller, ask };
}

async function failureOf(promise: Promise<unknown>): Promise<ModelCallError> {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ModelCallError);
  expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(key);
  return error as ModelCallError;
}

describe('the Anthropic client', () => {
  it('sends the body as it is, streams, and puts the reply together', async () => {
    const content = [
      { type: 'thinking' as const, thinking: 'Let me see.', signature: 'c2ln' },
      { type: 'text' as const, text: 'One moment, please.' },
      { type: 'tool_use' as const, id: 'toolu_1', name: 'Read', input: { file_path: '/a', limit: 3 } },
    ];
    const cache_creation = { ephemeral_5m_input_tokens: 1, ephemeral_1h_input_tokens: 2 };
    const cached = { cache_read_input_tokens: 5, cache_creation_input_tokens: 3, cache_creation };
    const usage = { input_tokens: 7, output_tokens: 9, ...cached };
    const { api, ask, events } = await start([{ content, usage }]);
    const reply = await ask();
    expect(reply).toMatchObject({
      content,
      model: 'claude-haiku-4-5',
      stopReason: 'tool_use',
      usage: { inputTokens: 7, outputTokens: 9, cacheReadTokens: 5, cacheWriteTokens: 3, cacheWriteHourTokens: 2 },
      requestId: expect.stringMatching(/^req_/),
    });
    expect(api.requests[0]?.body).toEqual({ ...request, stream: true });
    expect(api.requests[0]?.headers['anthropic-beta']).toBe('beta-a,beta-b');
    expect(events[0]).toEqual({ type: 'first-token' });
    expect(events.filter((event) => event.type === 'first-token')).toHaveLength(1);
    const text = events.flatMap((event) => (event.type === 'text' ? [event.text] : [])).join('');
    expect(text).toBe('One moment, please.');
    expect(events.at(-1)).toEqual({ type: 'output-tokens', outputTokens: 9 });
  });

  it.each([
    [400, 'bad_request'],
    [401, 'authentication'],
    [403, 'permission'],
    [404, 'not_found'],
    [413, 'too_large'],
    [429, 'rate_limited'],
    [500, 'server_error'],
    [529, 'overloaded'],
  ])('names a %i for what it is, and that it billed nothing', async (status, kind) => {
    const { api, ask } = await start([{ status, message: `Because of ${key}` }]);
    const error = await failureOf(ask());
    expect(error).toMatchObject({ kind, code: kind, facts: { status, mayBeBilled: false, retryAfterMs: null } });
    expect(error.message).toContain('Because of');
    expect(api.requests).toHaveLength(1);
  });

  it.each([
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after-ms': '1500' }, 1_500],
    [{ 'retry-after': 'soon' }, null],
  ])('reads how long to wait from %j', async (headers, expected) => {
    const { ask } = await start([{ status: 429, headers }]);
    expect((await failureOf(ask())).facts.retryAfterMs).toBe(expected);
  });

  it('reads a date in retry-after', async () => {
    const { ask } = await start([
      { status: 429, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } },
    ]);
    const { retryAfterMs } = (await failureOf(ask())).facts;
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('says what to do about thinking that the API takes for another conversation’s', async () => {
    const message =
      'messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.';
    const { ask } = await start([{ status: 400, errorType: 'invalid_request_error', message }]);
    const error = await failureOf(ask());
    expect(error.message).toContain('messages.1.content.0');
    expect(error.hint).toContain('another model');
  });

  it('takes an error event after status 200 for a failure that may have been billed', async () => {
    const { ask } = await start([
      { content: 'some words here', endAfter: 2, ending: { errorType: 'overloaded_error', message: 'Too busy' } },
    ]);
    const error = await failureOf(ask());
    expect(error).toMatchObject({ kind: 'overloaded', facts: { mayBeBilled: true } });
    expect(error.facts.partialText).toBe('some words');
  });

  it('keeps the text of a cut stream, and says that it may have been billed', async () => {
    const { ask } = await start([{ content: 'some words here', endAfter: 2, ending: 'destroy' }]);
    const error = await failureOf(ask());
    expect(error).toMatchObject({ kind: 'stream_cut', facts: { mayBeBilled: true, partialText: 'some words' } });
  });

  it('does not take a socket that dies before the answer for a request that never left', async () => {
    const { ask } = await start([{ silent: 'destroy' }]);
    expect(await failureOf(ask())).toMatchObject({ kind: 'stream_cut', facts: { mayBeBilled: true } });
  });

  it('gives up a stream that falls silent, before the answer and within it', async () => {
    const silent = await start([{ silent: 'hang' }], 50);
    expect(await failureOf(silent.ask())).toMatchObject({ kind: 'idle_timeout', facts: { mayBeBilled: true } });
    await silent.api.close();
    const within = await start([{ content: 'some words here', endAfter: 1, ending: 'hang' }], 50);
    expect(await failureOf(within.ask())).toMatchObject({ kind: 'idle_timeout', facts: { partialText: 'some ' } });
    const received = await within.api.received(1);
    await received.done;
    expect(received.closedByClient).toBe(true);
  });

  describe('after the last event', () => {
    /** Answers each request whole, and ends the answer as it is told. */
    async function serve(end: (response: ServerResponse) => void) {
      const events = [
        { type: 'message_start', message: { id: 'msg_1', model: 'claude-haiku-4-5', content: [], usage: {} } },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } },
        { type: 'message_stop' },
      ];
      const server = createServer((asked, response) => {
        asked.resume().once('end', () => {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          for (const event of events) response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
          end(response);
        });
      });
      let connections = 0;
      server.on('connection', () => (connections += 1));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const client = createAnthropicClient({ apiKey: async () => key, baseUrl: `http://127.0.0.1:${port}` });
      const ask = () => client.stream(request, [], { signal: new AbortController().signal, onEvent: () => {} });
      const close = () => {
        server.closeAllConnections();
        server.close();
      };
      return { ask, close, connections: () => connections };
    }

    it('keeps the connection for the next call, though the answer ends later', async () => {
      const over: Promise<void>[] = [];
      const { ask, close, connections } = await serve((response) => {
        over.push(new Promise((resolve) => response.once('close', resolve)));
        setTimeout(() => response.end(), 10);
      });
      try {
        for (let call = 0; call < 3; call += 1) {
          expect(await ask()).toMatchObject({ stopReason: 'end_turn' });
          await over[call];
          // The client hears of it in a moment.
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        expect(connections()).toBe(1);
      } finally {
        close();
      }
    });

    it('waits for no end, and lets go of an answer that has none', async () => {
      const closed = new Promise<number>((resolve) => {
        void serve((response) => {
          const saidAt = performance.now();
          response.once('close', () => resolve(performance.now() - saidAt));
        }).then(async ({ ask, close }) => {
          expect(await ask()).toMatchObject({ stopReason: 'end_turn' });
          await closed;
          close();
        });
      });
      expect(await closed).toBeGreaterThan(500);
    });
  });

  it('knows that a refused connection sent nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const client = createAnthropicClient({ apiKey: async () => key, baseUrl: `http://127.0.0.1:${port}` });
    const call = client.stream(request, [], { signal: new AbortController().signal, onEvent: () => {} });
    expect(await failureOf(call)).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false, status: null } });
  });

  it('closes the HTTP stream on abort, and rejects with the reason', async () => {
    const { api, ask, controller } = await start([{ content: 'some words here', endAfter: 1, ending: 'hang' }]);
    const asked = ask();
    const received = await api.received(1);
    while (received.chunkTimes.length < 3) await new Promise((resolve) => setImmediate(resolve));
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    await received.done;
    expect(received.closedByClient).toBe(true);
  });

  it('sends nothing without a key', async () => {
    const { api } = await start([]);
    const client = createAnthropicClient({ apiKey: async () => undefined, baseUrl: api.baseUrl });
    const call = client.stream(request, [], { signal: new AbortController().signal, onEvent: () => {} });
    expect(await failureOf(call)).toMatchObject({ kind: 'authentication', facts: { mayBeBilled: false } });
    expect(api.requests).toHaveLength(0);
  });

  it('lists the models', async () => {
    const { client } = await start([]);
    expect(await client.listModels()).toContainEqual({ id: 'claude-haiku-4-5', displayName: 'claude-haiku-4-5' });
  });
});
