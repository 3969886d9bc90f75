import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface Proxy extends AsyncDisposable {
  url: string;
  /** What it was asked for: `POST http://…`, `CONNECT host:port`. */
  asked: string[];
  /** Values of `proxy-authorization`, in the same order; null where there was none. */
  logins: (string | null)[];
}

/**
 * A proxy on 127.0.0.1 that forwards plain requests and opens tunnels.
 * @param options.answer status that it answers everything with in place of that
 * @param options.to port of 127.0.0.1 that everything goes to, whatever host was named
 */
export async function startProxy({ answer, to }: { answer?: number; to?: number } = {}): Promise<Proxy> {
  const asked: string[] = [];
  const logins: (string | null)[] = [];
  const sockets = new Set<Socket>();
  const note = ({ method, url, headers }: IncomingMessage): void => {
    asked.push(`${method} ${url}`);
    logins.push(headers['proxy-authorization'] ?? null);
  };
  const server = createServer((request, response) => {
    note(request);
    if (answer !== undefined) return void response.writeHead(answer).end();
    const { method } = request;
    const { 'proxy-authorization': _login, ...headers } = request.headers;
    const elsewhere = to === undefined ? {} : { hostname: '127.0.0.1', port: to };
    const onward = httpRequest(request.url ?? '', { method, headers, ...elsewhere }, (back) => {
      response.writeHead(back.statusCode ?? 502, back.headers);
      back.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    note(request);
    if (answer !== undefined) return void socket.end(`HTTP/1.1 ${answer} No\r\n\r\n`);
    const onward = connect(to ?? Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    for (const end of [socket, onward]) end.on('error', () => end.destroy());
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    logins,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
