import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CodecServer } from '../../../../../src/core/run/temporalControl.ts';
import { createPayloadCodec } from '../../../../../src/orchestration/temporal/codec/createPayloadCodec.ts';
import { encryptionKeysOf } from '../../../../../src/orchestration/temporal/codec/encryptionKeys.ts';
import { startCodecServer } from '../../../../../src/orchestration/temporal/codec/startCodecServer.ts';

const ui = 'http://127.0.0.1:8233';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const payload = { metadata: { encoding: base64('json/plain') }, data: base64('"swordfish"') };

function codecOf(byte: number, keyId: string) {
  const keys = encryptionKeysOf({ key: Buffer.alloc(32, byte).toString('base64'), keyId });
  return createPayloadCodec(async () => keys);
}

describe('the codec server', () => {
  let server: CodecServer;
  beforeAll(async () => {
    const codec = codecOf(7, 'k1');
    server = await startCodecServer({ codec, origins: [ui], port: 0 });
  });
  afterAll(() => server.close());

  const ask = (
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ): Promise<Response> =>
    fetch(`${server.endpoint}${path}`, {
      method: 'POST',
      body: JSON.stringify({ payloads: [payload] }),
      ...init,
      headers: { 'content-type': 'application/json', 'x-namespace': 'default', ...init.headers },
    });

  it('encodes and decodes as the protocol has it, below a namespace, too', async () => {
    const encoded = (await (await ask('/encode')).json()) as { payloads: (typeof payload)[] };
    expect(encoded.payloads[0]?.metadata.encoding).toBe(base64('binary/encrypted'));
    expect(JSON.stringify(encoded)).not.toContain(payload.data);
    const decoded = await ask('/default/decode', { body: JSON.stringify(encoded) });
    expect([decoded.status, await decoded.json()]).toEqual([200, { payloads: [payload] }]);
    expect(decoded.headers.get('cache-control')).toBe('no-store');
  });

  it('lets pages of the web UI ask, and no others', async () => {
    const preflight = await ask('/decode', { method: 'OPTIONS', body: null, headers: { origin: ui } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(ui);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-namespace');
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:8234']) {
      const refused = await ask('/decode', { headers: { origin } });
      expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
    }
  });

  it('refuses a wrong token, a foreign name, other methods and what is no payload', async () => {
    const { origin } = new URL(server.endpoint);
    expect((await fetch(`${origin}/decode`, { method: 'POST' })).status).toBe(401);
    expect((await fetch(`${origin}/guess/decode`, { method: 'POST' })).status).toBe(401);
    expect((await ask('/other')).status).toBe(401);
    expect((await ask('/decode', { method: 'GET', body: null })).status).toBe(405);
    expect((await ask('/decode', { body: 'nonsense' })).status).toBe(400);
    expect((await ask('/decode', { body: '{"payloads":[{"data":"%"}]}' })).status).toBe(400);
    expect(await statusAs('rebound.example', server.endpoint)).toBe(403);
  });

  it('says which key is missing', async () => {
    const foreign = codecOf(8, 'k2');
    const other = await startCodecServer({ codec: foreign, origins: [], port: 0 });
    try {
      const encoded = await (await ask('/encode')).text();
      const refused = await fetch(`${other.endpoint}/decode`, { method: 'POST', body: encoded });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({ message: expect.stringMatching(/key k1, which is not among/) });
    } finally {
      await other.close();
    }
  });
});

/** Status of a request that comes with another Host header. */
function statusAs(host: string, endpoint: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${endpoint}/decode`, { method: 'POST', headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end('{}');
  });
}
