import { BadInputError } from '../../core/errors.ts';
import { splitAddress } from './connection.ts';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Whether the host, as it stands in an address, is this machine and nobody else's. */
export function isLoopback(host: string): boolean {
  return loopback.has(host);
}

/** The IP address of a host on this machine. */
export function ipOf(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host.replace(/^\[|\]$/g, '');
}

/**
 * An address that only this machine can reach, its host as an IP address.
 * @param what it is for, as the first words of the error
 * @throws BadInputError
 */
export function checkedLocalAddress(address: string, what: string): { host: string; port: number } {
  const { host, port } = splitAddress(address);
  if (!isLoopback(host) || !Number.isInteger(port) || port <= 0 || port > 65_535) {
    throw new BadInputError(
      `${what} can only be served on this machine, not on ${JSON.stringify(address)}.`,
      'Write it like 127.0.0.1:9464.',
    );
  }
  return { host: ipOf(host), port };
}
