import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  connect,
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** Makes `ca`, `server` and `client`, each a `.pem` and a `.key`, in the folder. The server is 127.0.0.1. */
export async function makeCertificates(folder: string): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const make = (name: string, ...more: string[]) =>
    execFileAsync(
      'openssl',
      ['req', '-x509', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`, ...more],
      { cwd: folder },
    );
  await make('ca');
  const byCa = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
  await make('server', ...byCa, '-addext', 'subjectAltName=IP:127.0.0.1');
  await make('client', ...byCa);
}

export interface TlsProxy {
  address: string;
  /** What `authorization` said, of all calls. */
  authorizations: Set<string | undefined>;
  /** Whether each connection's client has shown a certificate. */
  clients: Set<string | undefined>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Speaks gRPC over TLS in front of a server that speaks it in the clear. Whoever shows no certificate of the CA is turned away. */
export async function startTlsProxy(folder: string, to: string): Promise<TlsProxy> {
  const read = (name: string) => readFileSync(path.join(folder, name));
  const server = createSecureServer({
    key: read('server.key'),
    cert: read('server.pem'),
    ca: read('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  });
  const upstream = connect(`http://${to}`);
  const [authorizations, clients]: [TlsProxy['authorizations'], TlsProxy['clients']] = [new Set(), new Set()];
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('secureConnection', (socket) => clients.add(String(socket.getPeerCertificate().subject?.CN)));
  server.on('stream', (stream, headers) => {
    authorizations.add(headers.authorization);
    forward(stream, plain(headers), upstream);
  });
  await listening(server);
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    authorizations,
    clients,
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy();
      upstream.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, to: ReturnType<typeof connect>): void {
  const call = to.request(headers);
  let trailers: IncomingHttpHeaders = {};
  stream.pipe(call);
  call.on('response', (answer, flags) => {
    if (stream.destroyed) return;
    const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond(plain(answer), { endStream: isWhole, waitForTrailers: !isWhole });
    if (!isWhole) call.pipe(stream);
  });
  call.on('trailers', (given) => {
    trailers = given;
  });
  stream.on('wantTrailers', () => stream.sendTrailers(plain(trailers)));
  stream.on('error', () => call.close());
  call.on('error', () => stream.close());
  stream.on('close', () => call.close());
}

/** Headers as they may be sent on. */
function plain(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'host' && name !== 'connection'));
}

function listening(server: Http2SecureServer): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}
