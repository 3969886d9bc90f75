import type nodeCrypto from 'node:crypto';
import { createRequire } from 'node:module';
import type { Sha256 } from '../core/sha256.ts';

const load = createRequire(import.meta.url);

/** SHA-256 by Node's own crypto, which the first call loads: most commands need no hash. */
export function sha256Hash(): nodeCrypto.Hash {
  return (load('node:crypto') as typeof nodeCrypto).createHash('sha256');
}

/** For the core, which has none of its own. */
export const sha256: Sha256 = (text) => sha256Hash().update(text, 'utf8').digest('hex');
