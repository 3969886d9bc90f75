// src/adapters/anthropic: the Anthropic SDK: one call, its stream, its failures as ours. No retries (src/core/run has
// them) and no key is stored or printed.

import { isDeepStrictEqual } from 'node:util';
import type * as AnthropicSdk from '@anthropic-ai/sdk';
import type { Anthropic, APIError } from '@anthropic-ai/sdk';
import type { MessagesRequest } from '../../core/api/messagesRequest.ts';
import { ReplyAccumulator } from '../../core/api/replyAccumulator.ts';
import type { StoredReply } from '../../core/api/storedReply.ts';
import { BadInputError, ModelCallError } from '../../core/errors.ts';
import type { ModelClient, ModelInfo, ModelStreamEvent } from '../../core/run/ports.ts';
import { timeouts } from '../../core/run/retryPolicies.ts';
import { checkedAddress, checkedSecret } from './checkConnection.ts';
import {
  connectionFailure,
  type FailureFacts,
  kindOf,
  modelFailure,
  proxyFailure,
  retryAfterMs,
} from './modelFailure.ts';
import { ReplyBody } from './replyBody.ts';
import { errorOf, isEventStream, notAStream, shortened } from './wrongReply.ts';

export interface AnthropicClientOptions {
  /** Asked for before every call, so that a key set later is used at once. */
  apiKey: () => Promise<string | undefined>;
  /** A token that goes out as `Authorization: Bearer` where there is no key, as gateways want it. Default: none. */
  authToken?: (() => Promise<string | undefined>) | undefined;
  /** Where requests go. The SDK's own default would come from the environment. */
  baseUrl: string;
  /** Gives a `fetch` that goes through a proxy, undefined for the one of this process. */
  fetch?: (() => Promise<typeof globalThis.fetch | undefined>) | undefined;
  /** Idle timeout of a stream, in milliseconds. */
  idleMs?: number;
}

interface StreamOptions {
  signal: AbortSignal;
  onEvent: (event: ModelStreamEvent) => void;
}

/**
 * The Messages API through Anthropic's SDK, streaming. One call is one HTTP request: the SDK's own retries are off,
 * because the engine owns retries and knows what may have been billed.
 */
export function createAnthropicClient(options: AnthropicClientOptions): ModelClient {
  let last: { made: MadeWith; client: Anthropic } | null = null;
  const connect: Connect = async () => {
    const sdk = await import('@anthropic-ai/sdk');
    const made = await checkedOptions(options);
    if (last === null || !isDeepStrictEqual(last.made, made)) last = { made, client: clientOf(sdk, made) };
    return { sdk, client: last.client };
  };
  return {
    stream: (request, betas, streamOptions) => stream(connect, options.idleMs, request, betas, streamOptions),
    listModels: (signal) => listModels(connect, signal),
  };
}

type Sdk = typeof AnthropicSdk;
type Connect = () => Promise<{ sdk: Sdk; client: Anthropic }>;
type MadeWith = Awaited<ReturnType<typeof checkedOptions>>;

function clientOf(sdk: Sdk, { apiKey, authToken, baseURL, fetch }: MadeWith): Anthropic {
  if (apiKey === undefined && authToken === undefined) {
    // Asked without a key, the SDK would look for credentials all over the machine.
    throw modelFailure('authentication', 'no API key is set', nothingSent);
  }
  return new sdk.Anthropic({
    // Left out, each would come from the environment; the SDK throws where both are there.
    apiKey: apiKey ?? null,
    authToken: apiKey === undefined ? (authToken ?? null) : null,
    baseURL,
    maxRetries: 0,
    timeout: timeouts.modelCall,
    openTelemetry: false,
    logLevel: 'off',
    // A body full of a person's work goes to the address that was named, and to no other.
    fetchOptions: { redirect: 'manual' },
    ...(fetch !== undefined && { fetch }),
  });
}

/** What the client is made with. What can't be used fails like a call that never left. */
async function checkedOptions(options: AnthropicClientOptions) {
  try {
    return {
      apiKey: checkedSecret(await options.apiKey(), 'ANTHROPIC_API_KEY'),
      authToken: checkedSecret(await options.authToken?.(), 'ANTHROPIC_AUTH_TOKEN'),
      baseURL: checkedAddress(options.baseUrl),
      fetch: await options.fetch?.(),
    };
  } catch (error) {
    if (!(error instanceof BadInputError)) throw error;
    const { path } = error.details as { path: string };
    const kind = /KEY|TOKEN/.test(path) ? 'authentication' : 'unreachable';
    throw modelFailure(kind, error.message, { ...nothingSent, neverAgain: true }, error, error.hint);
  }
}

const nothingSent: FailureFacts = {
  status: null,
  retryAfterMs: null,
  mayBeBilled: false,
  partialText: '',
  requestId: null,
};

async function stream(
  connect: Connect,
  idleMs: number | undefined,
  request: MessagesRequest,
  betas: readonly string[],
  { signal, onEvent }: StreamOptions,
): Promise<StoredReply> {
  const { sdk, client } = await connect();
  const idle = new IdleWatch(idleMs ?? timeouts.modelIdle);
  const stop = AbortSignal.any([signal, idle.signal]);
  const reply = new ReplyAccumulator();
  let requestId: string | null = null;
  let body: ReplyBody | null = null;
  try {
    signal.throwIfAborted();
    // The raw path: the body goes out as it was recorded, fields that the SDK does not know included.
    const response = await client
      .post('/v1/messages', {
        body: { ...request, stream: true },
        headers: betas.length === 0 ? {} : { 'anthropic-beta': betas.join(',') },
        signal: stop,
        stream: true,
      })
      .asResponse();
    requestId = response.headers.get('request-id');
    const wrongReply = (text: string) =>
      notAStream(response, text, new URL(client.baseURL).host, { ...nothingSent, requestId });
    body = new ReplyBody(response);
    if (!isEventStream(response)) throw wrongReply(await body.beginning());
    let isStream = false;
    const { Stream } = await import('@anthropic-ai/sdk/streaming');
    for await (const event of Stream.rawEvents({ body: body.pieces() } as unknown as Response)) {
      isStream = true;
      idle.touch();
      stop.throwIfAborted();
      const data = parseOrNull(event.data);
      // Some gateways leave the name of the event out.
      const type = event.event ?? (data as { type?: unknown } | null)?.type;
      if (type === 'error') throw errorEvent(event.data, data, reply, requestId);
      report(reply, data, onEvent);
      if (reply.complete) return reply.reply(requestId);
    }
    stop.throwIfAborted();
    if (!isStream && body.text().trim() !== '') throw wrongReply(body.text());
    const early = reply.begun ? 'the stream ended early' : 'the stream ended before the reply had begun';
    throw modelFailure('stream_cut', early, midStream(reply, requestId));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (idle.signal.aborted) {
      throw modelFailure('idle_timeout', `nothing came for ${idle.seconds} s`, midStream(reply, requestId), error);
    }
    if (error instanceof ModelCallError) throw error;
    if (error instanceof sdk.APIError && error.status !== undefined) throw answeredError(error);
    throw requestId === null && !reply.begun ? brokenBefore(error) : brokenWithin(error, reply, requestId);
  } finally {
    idle.dispose();
    void body?.release();
  }
}

function report(reply: ReplyAccumulator, data: unknown, onEvent: StreamOptions['onEvent']): void {
  const begun = reply.begun;
  const { text, outputTokens } = reply.add(data);
  // The cache entry of a shared prefix is there as soon as the reply begins, so its start counts, not the first text.
  if (!begun && reply.begun) onEvent({ type: 'first-token' });
  if (text !== null && text !== '') onEvent({ type: 'text', text });
  if (outputTokens !== null) onEvent({ type: 'output-tokens', outputTokens });
}

function parseOrNull(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function midStream(reply: ReplyAccumulator, requestId: string | null): FailureFacts {
  return { status: null, retryAfterMs: null, mayBeBilled: true, partialText: reply.text, requestId };
}

/** An `error` event after the status was 200: some of the reply may be there, and billed. */
function errorEvent(text: string, data: unknown, reply: ReplyAccumulator, requestId: string | null): ModelCallError {
  const { type, message } = errorOf(data) ?? { type: null, message: shortened(text) };
  return modelFailure(kindOf(null, type), message, { ...midStream(reply, requestId), status: 200 });
}

/** The API answered with an error status: nothing was generated, so nothing is billed. */
function answeredError(error: APIError): ModelCallError {
  const status = error.status ?? 0;
  const facts: FailureFacts = {
    ...nothingSent,
    status,
    retryAfterMs: retryAfterMs(error.headers, Date.now()),
    neverAgain: error.headers?.get('x-should-retry') === 'false',
    requestId: error.requestID ?? null,
  };
  const lasting = { ...facts, neverAgain: true };
  if (status === 407) {
    const { detail, hint } = proxyFailure(status);
    return modelFailure('unreachable', detail, lasting, undefined, hint);
  }
  if (status >= 300 && status < 400) {
    const to = error.headers?.get('location') ?? 'an address that it does not name';
    const hint = 'Nothing was sent there. If that is where requests shall go, make it the base URL.';
    return modelFailure(
      'unreachable',
      `the address redirects (${status}) to ${shortened(to)}`,
      lasting,
      undefined,
      hint,
    );
  }
  const said = errorOf(error.error)?.message ?? shortened(error.message);
  return modelFailure(kindOf(status, error.type), said, facts);
}

function brokenBefore(error: unknown): ModelCallError {
  const { detail, hint, sent, lasting } = connectionFailure(error);
  if (!sent) return modelFailure('unreachable', detail, { ...nothingSent, neverAgain: lasting }, error, hint);
  return modelFailure('stream_cut', detail, { ...nothingSent, mayBeBilled: true }, error);
}

function brokenWithin(error: unknown, reply: ReplyAccumulator, requestId: string | null): ModelCallError {
  return modelFailure('stream_cut', connectionFailure(error).detail, midStream(reply, requestId), error);
}

async function listModels(connect: Connect, signal?: AbortSignal): Promise<ModelInfo[]> {
  const { sdk, client } = await connect();
  try {
    const models: ModelInfo[] = [];
    for await (const model of client.models.list({ limit: 100 }, { signal })) {
      models.push({ id: model.id, displayName: model.display_name });
    }
    return models;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof sdk.APIError && error.status !== undefined) throw answeredError(error);
    if (error instanceof ModelCallError) throw error;
    const { detail, hint } = connectionFailure(error);
    throw modelFailure('unreachable', detail, nothingSent, error, hint);
  }
}

/** Aborts when it was not touched for a while. */
class IdleWatch {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly seconds: number;

  constructor(ms: number) {
    this.seconds = ms / 1000;
    this.#timer = setTimeout(() => this.#controller.abort(new Error('idle')), ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  touch(): void {
    this.#timer.refresh();
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
