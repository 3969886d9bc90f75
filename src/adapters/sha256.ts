import type nodeCrypto from 'node:crypto';
import { createRequire } from 'node:module';
import type { Sha256 } from '../core/run/ports.ts';

const load = createRequire(import.meta.url);

/** SHA-256 by Node's own crypto, for the core, which has none. It is loaded by the first call: most commands need no hash. */
export const sha256: Sha256 = (text) => {
  const { createHash } = load('node:crypto') as typeof nodeCrypto;
  return createHash('sha256').update(text, 'utf8').digest('hex');
};
