import { createHash } from 'node:crypto';
import type { Sha256 } from '../core/run/ports.ts';

/** SHA-256 by Node's own crypto, for the core, which has none. */
export const sha256: Sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex');
