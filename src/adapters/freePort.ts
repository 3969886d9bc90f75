import { createServer } from 'node:net';

/** Ports that were given out lately: until somebody listens on one, the system would give it out again. */
const given = new Set<number>();

/** A TCP port of this machine that is free, and that was not given out before by this process. Nothing listens on it afterwards. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') return reject(new Error('No port is free.'));
        if (given.has(address.port)) return resolve(freePort());
        given.add(address.port);
        resolve(address.port);
      });
    });
  });
}
