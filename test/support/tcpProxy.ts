import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  /** `127.0.0.1:port`. */
  address: string;
  /** Ends all connections and takes no new ones, as a network that is gone. */
  cut(): void;
  /** Takes connections again. */
  mend(): void;
  /** Lets the next answer be lost: its connection ends when its first byte comes. */
  loseAnswer(): void;
  close(): Promise<void>;
}

/** A proxy on 127.0.0.1 whose network can be cut. @param to `host:port` */
export async function startTcpProxy(to: string): Promise<TcpProxy> {
  const [host, port] = to.split(':');
  const sockets = new Set<Socket>();
  let isCut = false;
  let losesAnswer = false;
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    const onward = connect(Number(port), host);
    for (const [socket, other] of [
      [client, onward],
      [onward, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    onward.on('data', (bytes: Buffer) => {
      if (losesAnswer) {
        losesAnswer = false;
        onward.destroy();
      } else client.write(bytes);
    });
    client.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
    },
    loseAnswer() {
      losesAnswer = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
