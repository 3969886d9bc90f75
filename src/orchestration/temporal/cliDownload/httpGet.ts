import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { EngineUnavailableError, messageOf } from '../../../core/errors.ts';
import { proxyOf } from './proxyOf.ts';

const maxRedirects = 5;
/** So long nothing may come, in milliseconds. */
const idleMs = 30_000;

export interface GetOptions {
  /** Names the proxy. */
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/**
 * Asks for a file: over TLS, or from this very machine. Redirects are followed.
 * @throws EngineUnavailableError where it can't be had, or the signal's reason
 */
export async function httpGet(address: string, options: GetOptions): Promise<IncomingMessage> {
  let url = new URL(address);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    if (url.protocol !== 'https:' && url.hostname !== '127.0.0.1') throw unreachable(url, 'It is not served over TLS.');
    const response = await request(url, options);
    const { statusCode = 0, headers } = response;
    if (statusCode === 200) return response;
    response.destroy();
    if (statusCode < 300 || statusCode >= 400 || headers.location === undefined) {
      throw unreachable(url, `The answer was ${statusCode}.`);
    }
    url = new URL(headers.location, url);
  }
  throw unreachable(url, 'It leads on and on.');
}

async function request(url: URL, { env, signal }: GetOptions): Promise<IncomingMessage> {
  const proxy = proxyOf(url, env);
  try {
    if (proxy === null)
      return await responseOf(url.protocol === 'https:' ? https.get(url, { signal }) : http.get(url, { signal }));
    const headers = { host: url.host, ...credentials(proxy) };
    if (url.protocol === 'http:') return await responseOf(http.get({ ...at(proxy), path: url.href, headers, signal }));
    const socket = await tunnel(url, proxy, signal);
    const secured = connectTls({ socket, servername: url.hostname, ALPNProtocols: ['http/1.1'] });
    return await responseOf(https.get(url, { createConnection: () => secured, signal }));
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(url, `${messageOf(error)}${proxy === null ? '' : ` (by the proxy ${proxy.host})`}`, error);
  }
}

function responseOf(asking: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asking.setTimeout(idleMs, () => asking.destroy(new Error('Nothing came for too long.')));
    asking.once('response', resolve).once('error', reject);
  });
}

/** A connection through the proxy, to be secured from end to end. */
function tunnel(url: URL, proxy: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  const options = {
    ...at(proxy),
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...credentials(proxy) },
    signal,
  };
  return new Promise((resolve, reject) => {
    const asking = (proxy.protocol === 'https:' ? https : http).request(options);
    asking.setTimeout(idleMs, () => asking.destroy(new Error('Nothing came for too long.')));
    asking.once('connect', ({ statusCode }, socket: Socket) => {
      if (statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(new Error(`The proxy answered ${statusCode}.`));
    });
    asking.once('error', reject);
    asking.end();
  });
}

const at = (proxy: URL) => ({
  host: proxy.hostname,
  port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
});

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(text).toString('base64')}` };
}

function unreachable(url: URL, why: string, cause?: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `${url.origin}${url.pathname} can't be downloaded: ${why}`,
    'Check the network and HTTPS_PROXY, or install the Temporal CLI by hand: https://docs.temporal.io/cli.',
    undefined,
    { cause },
  );
}
