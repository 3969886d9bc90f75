import { createServer } from 'node:http';
import { BadInputError } from '../../core/errors.ts';
import { checkedLocalAddress } from './localAddress.ts';

/** What a worker is at. */
export type WorkerState = 'starting' | 'running' | 'draining';

/**
 * Answers any request with the worker's state: status 200 while it takes work, else 503.
 * @param address `host:port` on this machine
 * @throws BadInputError for another machine's address, or a port that is taken
 */
export async function serveHealth(address: string, state: () => WorkerState): Promise<{ close(): void }> {
  const { host, port } = checkedLocalAddress(address, 'Health');
  const server = createServer((_request, response) => {
    const current = state();
    response.writeHead(current === 'running' ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ state: current })}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  }).catch((error: unknown) => {
    throw new BadInputError(`Health can't be served on ${address}.`, 'Is the port taken? Name another one.', null, {
      cause: error,
    });
  });
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
