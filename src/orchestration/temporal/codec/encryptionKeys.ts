import { createHash } from 'node:crypto';
import { type EncryptionSettings, isEncryptionKey } from '../../../core/encryptionSettings.ts';
import { BadInputError } from '../../../core/errors.ts';

/** Keys by their ids; `current` encrypts, all of them decrypt. */
export interface EncryptionKeys {
  current: string;
  keys: ReadonlyMap<string, Buffer>;
}

const makeOne = 'Make a key with `openssl rand -base64 32`.';

/**
 * The keys that the texts stand for.
 * @throws BadInputError which never quotes a key
 */
export function encryptionKeysOf({ key, keyId, olderKeys }: EncryptionSettings): EncryptionKeys {
  if (key === '') {
    throw new BadInputError(
      'FORKPOINT_ENCRYPTION_KEYS names older keys, but there is no key to encrypt with.',
      `Set FORKPOINT_ENCRYPTION_KEY too, or unset both. ${makeOne}`,
    );
  }
  const current = bytesOf(key, 'FORKPOINT_ENCRYPTION_KEY');
  const currentId = keyId ?? idOf(current);
  const keys = new Map([[currentId, current]]);
  for (const [id, bytes] of older(olderKeys ?? '')) {
    const other = keys.get(id);
    if (other !== undefined && !other.equals(bytes)) {
      throw new BadInputError(
        `Two different encryption keys have the id ${id}.`,
        'Give the new key another FORKPOINT_ENCRYPTION_KEY_ID: payloads name their key by it.',
      );
    }
    keys.set(id, bytes);
  }
  return { current: currentId, keys };
}

function older(list: string): [string, Buffer][] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry, index) => {
      const [, id = '', key = entry] = /^([^:]*):(.*)$/.exec(entry) ?? [];
      const bytes = bytesOf(key, `Key ${index + 1} of FORKPOINT_ENCRYPTION_KEYS`);
      return [id || idOf(bytes), bytes];
    });
}

function bytesOf(key: string, name: string): Buffer {
  if (!isEncryptionKey(key)) throw new BadInputError(`${name} is not 32 bytes in base64.`, makeOne);
  return Buffer.from(key, 'base64');
}

/** An id that tells keys apart and tells nothing of the key. */
function idOf(key: Buffer): string {
  return createHash('sha256').update('forkpoint key id\0').update(key).digest('hex').slice(0, 12);
}
