import type { KeyObject } from 'node:crypto';
import { EncryptionError } from '../../../core/errors.ts';
import type { EncryptionKeys } from './encryptionKeys.ts';

/** The key of this id. @param what is encrypted with it, as a message names it @throws EncryptionError where it is not set here */
export function keyNamed(id: string, keys: EncryptionKeys | null, what: string): KeyObject {
  if (keys === null) {
    throw new EncryptionError(
      `${what} is encrypted (key ${id}), and no key is set here.`,
      'Set FORKPOINT_ENCRYPTION_KEY to that key, or in the editor run “Forkpoint: Set Encryption Key…”.',
      { keyId: id },
    );
  }
  const key = keys.keys.get(id);
  if (key !== undefined) return key;
  throw new EncryptionError(
    `${what} is encrypted with the key ${id}, which is not among those set here: ${[...keys.keys.keys()].join(', ')}.`,
    'Add it to FORKPOINT_ENCRYPTION_KEYS as id:key, or run where that key is set.',
    { keyId: id },
  );
}
