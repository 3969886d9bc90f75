import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiUsage, PromptCache } from './promptCache.ts';

export type ReplyBlock =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string; signature?: string }
  | { type: 'redacted_thinking'; data: string }
  | { type: 'tool_use'; id?: string; name: string; input: unknown }
  /** A block of any other kind, sent whole at its start. */
  | { type: 'raw'; block: { type: string; [key: string]: unknown } };

/** Milliseconds, or a promise that a test settles itself (a gate: no waiting on time). */
export type Pause = number | Promise<unknown> | ((chunk: number) => Promise<unknown> | number | undefined);

/** A streamed (or, without `stream: true`, whole) reply of the model. */
export interface MessageReply {
  content: string | ReplyBlock[];
  id?: string;
  /** Default: the model that was asked for. */
  model?: string;
  /** Default: `tool_use` where a tool is called, else `end_turn`. */
  stopReason?: string;
  /** With null none is told. */
  usage?: (Partial<ApiUsage> & Record<string, unknown>) | null;
  /** Number of deltas per block. Default 3. */
  deltas?: number;
  /** Before the status line. */
  before?: Pause;
  /** Before every delta; the first delta of the reply is number 0. */
  between?: Pause;
  /** How the stream ends, after `endAfter` deltas (default: all). `complete` is the default. */
  ending?: 'complete' | 'destroy' | 'hang' | { errorType: string; message?: string };
  endAfter?: number;
}

/** An HTTP error in place of a reply. */
export interface ErrorReply {
  status: number;
  /** `error.type` of the body; default by status. */
  errorType?: string;
  message?: string;
  headers?: Record<string, string>;
  /** In place of the API's own form of errors. */
  body?: string;
  before?: Pause;
}

/** No answer at all: the socket stays open (`hang`) or is torn before the status line (`destroy`). */
export interface SilentReply {
  silent: 'hang' | 'destroy';
}

export type Reply = MessageReply | ErrorReply | SilentReply | string;
export type ReplyScript = Reply[] | ((request: ReceivedRequest) => Reply | Promise<Reply> | undefined);

/** A reply as it was sent, its blocks with the ids that they were given. */
export interface SentMessage {
  id: string;
  model: string;
  content: ReplyBlock[];
  stop_reason: string;
  usage: ApiUsage;
}

/** A request as it came in. Times are `performance.now()` in milliseconds. */
export interface ReceivedRequest {
  /** 0-based among the POSTs to /v1/messages. */
  index: number;
  headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of any shape
  body: any;
  rawBody: string;
  at: number;
  firstByteAt: number | null;
  chunkTimes: number[];
  endedAt: number | null;
  /** What it was answered with, whole or torn; null where an error, or nothing, was answered. */
  sent: SentMessage | null;
  /** Whether the reply was sent to its end. */
  sentWhole: boolean;
  /** The client went away before the reply was complete. */
  closedByClient: boolean;
  /** Settles when the exchange is over, however it ended. */
  done: Promise<void>;
}

export interface MessagesApi {
  baseUrl: string;
  /** POSTs to /v1/messages in order of arrival. */
  requests: ReceivedRequest[];
  /** POSTs to /v1/messages/count_tokens. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  counted: any[];
  /** Largest number of exchanges that were open at once. */
  maxOpen(): number;
  /** Resolves when `count` requests have arrived. */
  received(count: number): Promise<ReceivedRequest>;
  /** Adds replies to a queue script. */
  push(...replies: Reply[]): void;
  /** Closes all sockets. @throws where a request came that the script did not foresee. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface MessagesApiOptions {
  /** Compute input usage as the API's prompt cache would. */
  simulateCache?: boolean;
  models?: string[];
  /** Fixed port; default: a free one. */
  port?: number;
}

const errorTypes: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

async function pause(wait: Pause | undefined, chunk: number): Promise<void> {
  const value = typeof wait === 'function' ? wait(chunk) : wait;
  if (typeof value === 'number') await delay(value);
  else await value;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function pieces(text: string, count: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / count));
  const out: string[] = [];
  for (let at = 0; at < text.length; at += size) out.push(text.slice(at, at + size));
  return out.length === 0 ? [''] : out;
}

/** `content_block_start` value and the deltas that fill it. */
function streamOf(block: ReplyBlock & { id?: string }, deltas: number): { start: object; deltas: object[] } {
  switch (block.type) {
    case 'text':
      return {
        start: { type: 'text', text: '' },
        deltas: pieces(block.text, deltas).map((text) => ({ type: 'text_delta', text })),
      };
    case 'thinking':
      return {
        start: { type: 'thinking', thinking: '', signature: '' },
        deltas: [
          ...pieces(block.thinking, deltas).map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block.signature ?? 'c2lnbmF0dXJl' },
        ],
      };
    case 'redacted_thinking':
      return { start: block, deltas: [] };
    case 'raw':
      return { start: block.block, deltas: [] };
    case 'tool_use':
      return {
        start: { ...block, input: {} },
        deltas: pieces(JSON.stringify(block.input), deltas).map((partial_json) => ({
          type: 'input_json_delta',
          partial_json,
        })),
      };
  }
}

/** One server: the state of the script and of what came in. */
class Server {
  readonly requests: ReceivedRequest[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: bodies of any shape
  readonly counted: any[] = [];
  readonly problems: string[] = [];
  readonly #waiting: { count: number; resolve: (request: ReceivedRequest) => void }[] = [];
  readonly #cache = new PromptCache();
  #serial = 0;
  #open = 0;
  mostOpen = 0;
  readonly script: ReplyScript;
  readonly options: MessagesApiOptions;

  constructor(script: ReplyScript, options: MessagesApiOptions) {
    this.script = script;
    this.options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0];
    response.setHeader('request-id', `req_test${++this.#serial}`);
    if (request.method === 'HEAD') return void response.writeHead(200).end();
    const rawBody = await readBody(request);
    if (request.method === 'POST' && path === '/v1/messages') return this.#message(request, response, rawBody);
    if (request.method === 'POST' && path === '/v1/messages/count_tokens') {
      this.counted.push(JSON.parse(rawBody));
      return this.#json(response, 200, { input_tokens: Math.ceil(rawBody.length / 4) });
    }
    if (request.method === 'GET' && path === '/v1/models') {
      const data = (this.options.models ?? ['claude-sonnet-4-5', 'claude-haiku-4-5']).map((id) => ({
        type: 'model',
        id,
        display_name: id,
        created_at: '2026-01-01T00:00:00Z',
      }));
      return this.#json(response, 200, {
        data,
        has_more: false,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
      });
    }
    return this.#json(response, 404, {
      type: 'error',
      error: { type: 'not_found_error', message: `No such path: ${path}` },
    });
  }

  received(count: number): Promise<ReceivedRequest> {
    const there = this.requests[count - 1];
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  async #message(request: IncomingMessage, response: ServerResponse, rawBody: string): Promise<void> {
    const finished = Promise.withResolvers<void>();
    const received: ReceivedRequest = {
      index: this.requests.length,
      headers: request.headers,
      body: JSON.parse(rawBody),
      rawBody,
      at: performance.now(),
      firstByteAt: null,
      chunkTimes: [],
      endedAt: null,
      sent: null,
      sentWhole: false,
      closedByClient: false,
      done: finished.promise,
    };
    this.requests.push(received);
    this.mostOpen = Math.max(this.mostOpen, ++this.#open);
    response.on('close', () => {
      received.endedAt = performance.now();
      received.closedByClient = !response.writableFinished && !tornByScript.has(response);
      this.#open -= 1;
      finished.resolve();
    });
    for (const waiting of this.#waiting) if (waiting.count <= this.requests.length) waiting.resolve(received);
    try {
      await this.#answer(received, response);
    } catch (error) {
      this.problems.push(`Request ${received.index}: ${String(error)}`);
      if (!response.headersSent)
        this.#json(response, 500, { type: 'error', error: { type: 'api_error', message: String(error) } });
      else response.destroy();
    }
  }

  async #answer(received: ReceivedRequest, response: ServerResponse): Promise<void> {
    const scripted = Array.isArray(this.script) ? this.script.shift() : await this.script(received);
    if (scripted === undefined) throw new Error('the script of the stand-in API has no reply left for it');
    const reply = typeof scripted === 'string' ? { content: scripted } : scripted;
    if ('silent' in reply) return reply.silent === 'destroy' ? destroy(response) : undefined;
    await pause(reply.before, 0);
    if ('status' in reply) {
      for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
      if (reply.body !== undefined) return void response.writeHead(reply.status).end(reply.body);
      const type = reply.errorType ?? errorTypes[reply.status] ?? 'api_error';
      return this.#json(response, reply.status, {
        type: 'error',
        error: { type, message: reply.message ?? `Scripted ${reply.status}` },
      });
    }
    const serial = ++this.#serial;
    const blocks: ReplyBlock[] =
      typeof reply.content === 'string' ? [{ type: 'text', text: reply.content }] : reply.content;
    const content = blocks.map((block, index) =>
      block.type === 'tool_use' ? { ...block, id: block.id ?? `toolu_${serial}_${index}` } : block,
    );
    const measured = this.options.simulateCache === true ? this.#cache.measure(received.body) : null;
    const usage: ApiUsage = {
      input_tokens: Math.ceil(received.rawBody.length / 4),
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      ...measured?.usage,
      output_tokens: Math.ceil(JSON.stringify(content).length / 4),
      ...reply.usage,
    };
    const message = {
      id: reply.id ?? `msg_test${serial}`,
      type: 'message',
      role: 'assistant',
      model: reply.model ?? received.body.model,
      content,
      stop_reason: reply.stopReason ?? (content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn'),
      stop_sequence: null,
      usage,
    };
    received.sent = message;
    received.firstByteAt = performance.now();
    measured?.commit();
    if (received.body.stream === true) await this.#stream(received, response, reply, message);
    else this.#json(response, 200, message);
    received.sentWhole = reply.ending === undefined || reply.ending === 'complete';
  }

  async #stream(
    received: ReceivedRequest,
    response: ServerResponse,
    reply: MessageReply,
    message: SentMessage,
  ): Promise<void> {
    const send = (event: { type: string } & Record<string, unknown>): void => {
      if (response.destroyed) return;
      received.chunkTimes.push(performance.now());
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const told = reply.usage !== null;
    const opening = {
      ...message,
      content: [],
      stop_reason: null,
      usage: told ? { ...message.usage, output_tokens: 1 } : undefined,
    };
    send({ type: 'message_start', message: opening });
    let sent = 0;
    for (const [index, block] of message.content.entries()) {
      const { start, deltas } = streamOf(block, reply.deltas ?? 3);
      send({ type: 'content_block_start', index, content_block: start });
      for (const delta of deltas) {
        if (reply.endAfter === sent) return this.#end(response, reply, send);
        await pause(reply.between, sent);
        if (response.destroyed) return;
        send({ type: 'content_block_delta', index, delta });
        sent += 1;
      }
      send({ type: 'content_block_stop', index });
    }
    if (reply.ending !== undefined && reply.ending !== 'complete') return this.#end(response, reply, send);
    send({
      type: 'message_delta',
      delta: { stop_reason: message.stop_reason, stop_sequence: null },
      usage: told ? message.usage : undefined,
    });
    send({ type: 'message_stop' });
    response.end();
  }

  #end(
    response: ServerResponse,
    reply: MessageReply,
    send: (event: { type: string } & Record<string, unknown>) => void,
  ): void {
    const ending = reply.ending ?? 'destroy';
    if (ending === 'hang') return;
    if (typeof ending === 'object') {
      send({ type: 'error', error: { type: ending.errorType, message: ending.message ?? 'Scripted error' } });
      response.end();
    } else destroy(response);
  }

  #json(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }
}

// Responses that the script tore itself, to tell them from those that the client left.
const tornByScript = new WeakSet<ServerResponse>();

function destroy(response: ServerResponse): void {
  tornByScript.add(response);
  // What was written must be on the wire first: a tear that swallows the deltas before it tests nothing.
  response.socket?.write('', () => response.destroy());
}

/**
 * A stand-in for the Messages API on 127.0.0.1, driven by a script: a queue of replies or a function of the request.
 * A request that the script does not foresee gets 500, and `close()` throws.
 */
export async function startMessagesApi(script: ReplyScript, options: MessagesApiOptions = {}): Promise<MessagesApi> {
  const state = new Server(script, options);
  const server = createServer((request, response) => {
    state.handle(request, response).catch((error: unknown) => {
      // A client that leaves while it sends is a thing to test, not a fault of the test.
      if (request.complete) state.problems.push(String(error));
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= new Promise((resolve, reject) => {
      server.close(() => (state.problems.length === 0 ? resolve() : reject(new Error(state.problems.join('\n')))));
      server.closeAllConnections();
    });
    return closed;
  };
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    requests: state.requests,
    counted: state.counted,
    maxOpen: () => state.mostOpen,
    received: (count) => state.received(count),
    push: (...replies) => {
      if (!Array.isArray(state.script)) throw new Error('Only a queue script can grow.');
      state.script.push(...replies);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
