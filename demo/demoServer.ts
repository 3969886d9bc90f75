import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDemoModel } from '../src/adapters/demo/createDemoModel.ts';
import { type MessagesRequest, messagesRequestSchema } from '../src/core/api/messagesRequest.ts';
import { agentAnswer, type Block } from './agentAnswer.ts';

/** Before the first word and between pieces, in milliseconds: enough to watch, short enough not to wait. */
const pace = { first: 80, piece: 10 };
const pieceLength = 14;

export interface DemoServer {
  /** `http://127.0.0.1:PORT` */
  url: string;
  close(): Promise<void>;
}

/** The Messages API on loopback, answered by the demo's model: nothing leaves the machine. */
export async function startDemoServer(): Promise<DemoServer> {
  // It sets its own pace when it answers directly; here the server does.
  const model = createDemoModel({ clock: { sleep: () => Promise.resolve() } });
  const server = createServer((request, response) => {
    answer(request, response, model).catch((error: unknown) => {
      if (response.headersSent) return response.destroy();
      sendJson(response, 400, errorBody('invalid_request_error', String(error)));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Model = ReturnType<typeof createDemoModel>;

async function answer(request: IncomingMessage, response: ServerResponse, model: Model): Promise<void> {
  const path = (request.url ?? '/').split('?')[0];
  response.setHeader('request-id', `req_demo${randomUUID()}`);
  if (request.method === 'HEAD') return void response.writeHead(200).end();
  if (request.method === 'GET' && path === '/v1/models') return sendJson(response, 200, await modelList(model));
  if (request.method !== 'POST' || path === undefined || !path.startsWith('/v1/messages')) {
    return sendJson(response, 404, errorBody('not_found_error', `The demo’s API has no ${path}.`));
  }
  const body: unknown = await json(request);
  if (path.endsWith('/count_tokens')) return sendJson(response, 200, { input_tokens: tokensOf(body) });
  await reply(messagesRequestSchema.parse(body), response, model);
}

async function reply(request: MessagesRequest, response: ServerResponse, model: Model): Promise<void> {
  const signal = new AbortController().signal;
  const content =
    agentAnswer(request) ?? (await model.stream(request, [], { signal, onEvent: () => undefined })).content;
  const message = {
    id: `msg_demo${randomUUID().replaceAll('-', '').slice(0, 16)}`,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content,
    stop_reason: content.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: {
      input_tokens: tokensOf(request),
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: tokensOf(content),
    },
  };
  if (request['stream'] !== true) return sendJson(response, 200, message);
  await sleep(pace.first);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (event: { type: string } & Record<string, unknown>) =>
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  send({ type: 'message_start', message: { ...message, content: [], stop_reason: null } });
  for (const [index, block] of content.entries()) {
    const { start, deltas } = streamOf(block);
    send({ type: 'content_block_start', index, content_block: start });
    for (const delta of deltas) {
      await sleep(pace.piece);
      // Cancelled: nobody listens any more.
      if (response.destroyed) return;
      send({ type: 'content_block_delta', index, delta });
    }
    send({ type: 'content_block_stop', index });
  }
  const { stop_reason, stop_sequence, usage } = message;
  send({ type: 'message_delta', delta: { stop_reason, stop_sequence }, usage });
  send({ type: 'message_stop' });
  response.end();
}

/** A block as it begins, and what fills it. */
function streamOf(block: Block): { start: Block; deltas: Block[] } {
  if (block.type === 'tool_use') {
    const deltas = [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input) }];
    return { start: { ...block, input: {} }, deltas };
  }
  const pieces = String(block.text).match(new RegExp(`.{1,${pieceLength}}`, 'gsu')) ?? [];
  return { start: { ...block, text: '' }, deltas: pieces.map((text) => ({ type: 'text_delta', text })) };
}

async function modelList(model: Model) {
  const data = (await model.listModels(AbortSignal.timeout(1000))).map(({ id, displayName }) => ({
    type: 'model',
    id,
    display_name: displayName,
    created_at: '2026-01-01T00:00:00Z',
  }));
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
}

// About four characters a token; nobody is billed by it.
const tokensOf = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);

const errorBody = (type: string, message: string) => ({ type: 'error', error: { type, message } });

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
