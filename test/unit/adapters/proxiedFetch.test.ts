import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createAnthropicClient } from '../../../src/adapters/anthropic/createAnthropicClient.ts';
import { proxiedFetch } from '../../../src/adapters/proxiedFetch.ts';
import type { MessagesRequest } from '../../../src/core/api/messagesRequest.ts';
import { ModelCallError } from '../../../src/core/errors.ts';
import { isRetryable } from '../../../src/core/run/retryPolicies.ts';
import { type MessagesApi, type Reply, startMessagesApi } from '../../support/messagesApi.ts';
import { startProxy } from '../../support/proxy.ts';

const key = 'sk-ant-test-0123456789';
const request: MessagesRequest = {
  model: 'claude-haiku-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
};

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function startApi(...replies: Reply[]): Promise<MessagesApi> {
  const api = await startMessagesApi(replies);
  closing.push(() => api.close());
  return api;
}

interface Asking {
  baseUrl: string;
  apiKey?: string | undefined;
  authToken?: string;
  env?: NodeJS.ProcessEnv;
}

function ask({ baseUrl, authToken, env = {}, ...given }: Asking) {
  const client = createAnthropicClient({
    apiKey: async () => ('apiKey' in given ? given.apiKey : key),
    authToken: async () => authToken,
    baseUrl,
    fetch: () => proxiedFetch(env),
  });
  return client.stream(request, [], { signal: new AbortController().signal, onEvent: () => {} });
}

async function failureOf(asking: Asking): Promise<ModelCallError> {
  const error = await ask(asking).then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ModelCallError);
  return error as ModelCallError;
}

const mayAskAgain = ({ kind, facts }: ModelCallError): boolean => isRetryable(kind, facts);

describe('what is no event stream', () => {
  const html = `<html><head><title>Sign in</title><style>p{}</style></head><body>${'<p>to the hotel’s network</p>'.repeat(200)}</body></html>`;

  it('is named with its host and what it says: a page', async () => {
    const api = await startApi({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: html });
    const error = await failureOf(api);
    expect(error.message).toContain(`${new URL(api.baseUrl).host} answered with text/html`);
    expect(error.message).toContain('Sign in');
    expect(error.message.length).toBeLessThan(400);
    expect(error).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false, status: 200 } });
    expect(mayAskAgain(error)).toBe(false);
  });

  it.each([
    [{ error: { type: 'rate_limit_error', message: 'Slow down' } }, 'rate_limited', 'Slow down', false],
    [{ error: 'no such upstream' }, 'server_error', 'no such upstream', false],
    [{ type: 'message', content: [{ type: 'text', text: 'All at once' }] }, 'unreachable', 'All at once', true],
  ])('is named with what it says: %j', async (body, kind, said, mayBeBilled) => {
    const headers = { 'content-type': 'application/json' };
    const error = await failureOf(await startApi({ status: 200, headers, body: JSON.stringify(body) }));
    expect(error).toMatchObject({ kind, facts: { mayBeBilled } });
    expect(error.message).toContain(said);
    expect(mayAskAgain(error)).toBe(false);
  });

  it.each([
    [undefined, { error: { type: 'rate_limit_error', message: 'Slow down' } }, 'rate_limited', false, 'Slow down'],
    [
      undefined,
      { content: [{ type: 'text', text: 'All at once' }] },
      'unreachable',
      true,
      'JSON without a content type',
    ],
    ['text/event-stream', { error: 'no such upstream' }, 'server_error', false, 'JSON called text/event-stream'],
    ['text/event-stream', html, 'unreachable', false, 'a page called text/event-stream'],
    ['text/event-stream', 'upstream is asleep\n\n', 'unreachable', false, 'upstream is asleep'],
  ])('is named where its type %s does not tell: %#', async (type, said, kind, mayBeBilled, words) => {
    const headers = type === undefined ? undefined : { 'content-type': type };
    const body = typeof said === 'string' ? said : JSON.stringify(said, null, 2);
    const error = await failureOf(await startApi({ status: 200, body, ...(headers && { headers }) }));
    expect(error).toMatchObject({ kind, facts: { mayBeBilled, status: 200 } });
    expect(error.message).toContain(words);
    expect(mayAskAgain(error)).toBe(false);
  });

  it('is an error frame without a name, all the same', async () => {
    const body = `data: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message: 'Too busy' } })}\n\n`;
    const error = await failureOf(
      await startApi({ status: 200, headers: { 'content-type': 'text/event-stream' }, body }),
    );
    expect(error.kind).toBe('overloaded');
    expect(error.message).toContain('Too busy');
  });

  it('is a long page with status 404, shown short', async () => {
    const error = await failureOf(
      await startApi({ status: 404, headers: { 'content-type': 'text/html' }, body: html }),
    );
    expect(error.kind).toBe('not_found');
    expect(error.message).toContain('Sign in');
    expect(error.message.length).toBeLessThan(300);
    expect(JSON.stringify(error) + String(error.cause)).not.toContain('<p>');
  });
});

describe('what the server says of the next try', () => {
  it('is heeded where it wants none', async () => {
    const error = await failureOf(await startApi({ status: 529, headers: { 'x-should-retry': 'false' } }));
    expect(error.kind).toBe('overloaded');
    expect(mayAskAgain(error)).toBe(false);
    expect(mayAskAgain(await failureOf(await startApi({ status: 529 })))).toBe(true);
  });

  it('is not followed to another host', async () => {
    const other = await startApi();
    const location = `${other.baseUrl}/v1/messages`;
    const error = await failureOf(await startApi({ status: 307, headers: { location } }));
    expect(error.message).toContain(`redirects (307) to ${location}`);
    expect(mayAskAgain(error)).toBe(false);
    expect(other.requests).toHaveLength(0);
  });
});

describe('an address or a key that can’t be used', () => {
  it.each([
    ['ftp://example.org', 'is one of ftp'],
    ['localhost:8080', 'does not begin with https://'],
    ['api.example.org', 'does not begin with https://'],
    ['https://api example.org', 'white space'],
    ['“https://api.example.org”', '“'],
    ['https://', 'is none'],
    ['http://kim:secret@127.0.0.1:1025', 'has a login in it'],
    ['ftp://kim:secret@127.0.0.1:1025', 'is one of ftp'],
    ['http://127.0.0.1:9', 'the port of the address'],
  ])('%s sends nothing, and says why', async (baseUrl, why) => {
    const error = await failureOf({ baseUrl });
    expect(error.message + error.hint).not.toContain('secret');
    expect(error).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false } });
    expect(error.message).toContain(why);
    expect(mayAskAgain(error)).toBe(false);
  });

  it.each([
    ['sk-ant two', 'white space'],
    ['“sk-ant-one”', '“'],
    ['"sk-ant-one"', '"'],
  ])('the key %s sends nothing, and is not shown', async (apiKey, why) => {
    const api = await startApi();
    const error = await failureOf({ baseUrl: api.baseUrl, apiKey });
    expect(error).toMatchObject({ kind: 'authentication', facts: { mayBeBilled: false } });
    expect(error.message).toContain(why);
    expect(error.message).not.toContain('sk-ant');
    expect(api.requests).toHaveLength(0);
  });

  it('white space around them is no harm', async () => {
    const api = await startApi('Hello.');
    await ask({ baseUrl: ` ${api.baseUrl}\n`, apiKey: `${key}\n` });
    expect(api.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  });

  it('https to a port that speaks http has sent nothing', async () => {
    const api = await startApi();
    const error = await failureOf({ baseUrl: api.baseUrl.replace('http:', 'https:') });
    expect(error).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false } });
    expect(error.message).toContain('not https');
    expect(mayAskAgain(error)).toBe(false);
  });

  it('a key wins over a token, and one of them goes out', async () => {
    const api = await startApi('Hello.');
    await ask({ baseUrl: api.baseUrl, authToken: 'token-1' });
    expect(JSON.stringify(api.requests[0]?.headers)).toContain(key);
    expect(JSON.stringify(api.requests[0]?.headers)).not.toContain('token-1');
  });

  it('a token goes out as one', async () => {
    const api = await startApi('Hello.');
    await ask({ baseUrl: api.baseUrl, apiKey: undefined, authToken: 'token-1' });
    expect(api.requests[0]?.headers.authorization).toBe('Bearer token-1');
  });
});

describe('a proxy', () => {
  it.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'])('that %s names is used', async (name) => {
    const api = await startApi('Through it.');
    await using proxy = await startProxy();
    const reply = await ask({ baseUrl: api.baseUrl, env: { [name]: proxy.url } });
    expect(reply.content).toMatchObject([{ text: 'Through it.' }]);
    expect(proxy.asked).toEqual([`POST ${api.baseUrl}/v1/messages`]);
    expect(api.requests).toHaveLength(1);
  });

  it('needs no scheme', async () => {
    const api = await startApi('Through it.');
    await using proxy = await startProxy();
    await ask({ baseUrl: api.baseUrl, env: { HTTP_PROXY: proxy.url.replace('http://', '') } });
    expect(proxy.asked).toHaveLength(1);
  });

  it('gets the login that stands in its address', async () => {
    const api = await startApi('Through it.');
    await using proxy = await startProxy();
    await ask({ baseUrl: api.baseUrl, env: { HTTP_PROXY: proxy.url.replace('//', '//kim:secret@') } });
    expect(proxy.logins).toEqual([`Basic ${btoa('kim:secret')}`]);
    expect(api.requests[0]?.headers['proxy-authorization']).toBeUndefined();
  });

  it('opens a tunnel for https', async () => {
    await using proxy = await startProxy();
    const nobody = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => nobody.close(resolve)));
    const { port } = nobody.address() as AddressInfo;
    // What lies behind the tunnel speaks no TLS: that is the failure, and not the proxy.
    const error = await failureOf({ baseUrl: `https://127.0.0.1:${port}`, env: { HTTPS_PROXY: proxy.url } });
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${port}`]);
    expect(error.message).not.toContain('proxy');
  });

  it('is passed by for what NO_PROXY names', async () => {
    const api = await startApi('Straight.');
    await using proxy = await startProxy();
    await ask({ baseUrl: api.baseUrl, env: { HTTP_PROXY: proxy.url, NO_PROXY: 'example.org,127.0.0.1' } });
    expect(proxy.asked).toEqual([]);
    expect(api.requests).toHaveLength(1);
  });

  it.each([
    ['http://127.0.0.1:1025', 'POST'],
    ['https://127.0.0.1:1025', 'CONNECT'],
  ])('that wants a login is named, for %s', async (baseUrl, method) => {
    await using proxy = await startProxy({ answer: 407 });
    const error = await failureOf({ baseUrl, env: { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url } });
    expect(proxy.asked[0]).toContain(method);
    expect(error).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false } });
    expect(error.message).toContain('the proxy asks for a login (407)');
    expect(error.hint).toContain('user:password@host');
    expect(mayAskAgain(error)).toBe(false);
  });

  it('that nobody named and that wants a login is named, too', async () => {
    const api = await startApi({ status: 407 });
    const error = await failureOf(api);
    expect(error).toMatchObject({ kind: 'unreachable', facts: { mayBeBilled: false } });
    expect(error.message).toContain('the proxy asks for a login (407)');
    expect(mayAskAgain(error)).toBe(false);
  });

  it.each(['socks5://127.0.0.1:1080', 'http://user:secret@', 'not an address'])(
    'whose address is none sends nothing and shows no password: %s',
    async (address) => {
      const api = await startApi();
      const error = await failureOf({ baseUrl: api.baseUrl, env: { HTTP_PROXY: address } });
      expect(error.message).toContain('HTTP_PROXY is no address');
      expect(error.message).not.toContain('secret');
      expect(api.requests).toHaveLength(0);
    },
  );
});
