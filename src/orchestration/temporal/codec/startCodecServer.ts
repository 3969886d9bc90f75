import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import type { PayloadCodec } from '@temporalio/common';
import * as z from 'zod';
import { BadInputError, ForkpointError, messageOf } from '../../../core/errors.ts';
import type { CodecServer } from '../../../core/run/temporalControl.ts';
import { payloadFromJson, payloadJsonSchema, payloadToJson } from './payloadJson.ts';

/** A page of the web UI shows some hundred events, each below the server's limit of 2 MB. */
const maxBodyBytes = 64_000_000;

const bodySchema = z.object({ payloads: z.array(payloadJsonSchema).default([]) });

export interface CodecServerOptions {
  codec: PayloadCodec;
  /** Origins whose pages may ask, for example `http://127.0.0.1:8233`. */
  origins: readonly string[];
  /** 0: one that is free. */
  port: number;
}

/**
 * Lets the web UI and the Temporal CLI read encrypted payloads: `POST …/decode` and `POST …/encode` as the codec server
 * protocol has them (https://docs.temporal.io/codec-server). It binds 127.0.0.1 and answers only who knows its token; of
 * browsers only pages of the given origins.
 * @throws BadInputError where the port is taken
 */
export async function startCodecServer({ codec, origins, port }: CodecServerOptions): Promise<CodecServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    answer(request, { codec, origins, token }).then(
      ({ status, body }) => reply(response, status, body, allowed(request, origins)),
      (error: unknown) => {
        const status = error instanceof ForkpointError ? 400 : 500;
        reply(response, status, { message: wordsOf(error) }, allowed(request, origins));
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new BadInputError(`The codec server can't listen on port ${port}: ${error.message}`, 'Name another --port.'),
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    endpoint: `http://127.0.0.1:${bound}/${token}`,
    origins,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  body: unknown;
}

async function answer(
  request: IncomingMessage,
  { codec, origins, token }: { codec: PayloadCodec; origins: readonly string[]; token: string },
): Promise<Answer> {
  const { origin, host = '' } = request.headers;
  // A page elsewhere whose name was made to point here comes with that name.
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) return refusal(403, 'This server is asked by its address only.');
  if (origin !== undefined && !origins.includes(origin)) return refusal(403, `Pages of ${origin} may not ask here.`);
  if (request.method === 'OPTIONS') return { status: 204, body: null };
  const [, given = '', what] = /^\/([^/]+)\/(?:[^/]+\/)?(encode|decode)$/.exec(request.url?.split('?')[0] ?? '') ?? [];
  if (!sameToken(given, token)) return refusal(401, 'The token is wrong. It is part of the endpoint that was printed.');
  if (request.method !== 'POST') return refusal(405, 'Ask with POST.');
  if (Number(request.headers['content-length'] ?? Number.POSITIVE_INFINITY) > maxBodyBytes) {
    return refusal(413, `A body of known length, at most ${maxBodyBytes} bytes, is expected.`);
  }
  const parsed = bodySchema.safeParse(await json(request).catch(() => null));
  if (!parsed.success) return refusal(400, 'The body is no {"payloads":[…]} in JSON.');
  const payloads = parsed.data.payloads.map(payloadFromJson);
  const done = what === 'encode' ? await codec.encode(payloads) : await codec.decode(payloads);
  return { status: 200, body: { payloads: done.map(payloadToJson) } };
}

const refusal = (status: number, message: string): Answer => ({ status, body: { message } });

/** Takes the same time wherever they differ. */
function sameToken(given: string, token: string): boolean {
  const [one, other] = [given, token].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer];
  return timingSafeEqual(one, other);
}

function allowed({ headers: { origin } }: IncomingMessage, origins: readonly string[]): Record<string, string> {
  if (origin === undefined || !origins.includes(origin)) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'POST, OPTIONS',
    'access-control-allow-headers': 'content-type, x-namespace, authorization, caller-type',
    vary: 'origin',
  };
}

function reply(response: ServerResponse, status: number, body: unknown, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(body === null ? undefined : JSON.stringify(body));
}

function wordsOf(error: unknown): string {
  return error instanceof ForkpointError ? `${error.message} ${error.hint}` : messageOf(error);
}
