import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { type EncryptionSettings, isEncryptionKey } from '../../../core/encryptionSettings.ts';
import { BadInputError } from '../../../core/errors.ts';
import type { TemporalSettings } from '../temporalSettings.ts';

/** Keys by their ids; `current` encrypts, all of them decrypt. */
export interface EncryptionKeys {
  current: string;
  /** Ciphers begin three times as fast with these as with bytes. */
  keys: ReadonlyMap<string, KeyObject>;
}

/**
 * Asks for the keys each time, as a person may set another one meanwhile, and makes them anew only where they have changed.
 * What it gives rejects with a BadInputError for keys that can't be used.
 */
export function keysNowOf({ encryption }: Pick<TemporalSettings, 'encryption'>): () => Promise<EncryptionKeys | null> {
  let last: { texts: string; keys: EncryptionKeys } | null = null;
  return async () => {
    const settings = (await encryption?.()) ?? null;
    if (settings === null) return null;
    const texts = JSON.stringify(settings);
    if (last?.texts !== texts) last = { texts, keys: encryptionKeysOf(settings) };
    return last.keys;
  };
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
  const current = keyOf(key, 'FORKPOINT_ENCRYPTION_KEY');
  const currentId = keyId ?? idOf(current);
  const keys = new Map([[currentId, current]]);
  for (const [id, olderKey] of older(olderKeys ?? '')) {
    const other = keys.get(id);
    if (other !== undefined && !other.equals(olderKey)) {
      throw new BadInputError(
        `Two different encryption keys have the id ${id}.`,
        'Give the new key another FORKPOINT_ENCRYPTION_KEY_ID: payloads name their key by it.',
      );
    }
    keys.set(id, olderKey);
  }
  return { current: currentId, keys };
}

function older(list: string): [string, KeyObject][] {
  return list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry, index) => {
      const [, id = '', text = entry] = /^([^:]*):(.*)$/.exec(entry) ?? [];
      const key = keyOf(text, `Key ${index + 1} of FORKPOINT_ENCRYPTION_KEYS`);
      return [id || idOf(key), key];
    });
}

function keyOf(text: string, name: string): KeyObject {
  if (!isEncryptionKey(text)) throw new BadInputError(`${name} is not 32 bytes in base64.`, makeOne);
  return createSecretKey(text, 'base64');
}

/** An id that tells keys apart and tells nothing of the key. */
function idOf(key: KeyObject): string {
  return createHash('sha256').update('forkpoint key id\0').update(key.export()).digest('hex').slice(0, 12);
}
