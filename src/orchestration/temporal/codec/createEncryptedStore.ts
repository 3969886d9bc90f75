import { EncryptionError } from '../../../core/errors.ts';
import type { SharedStore } from '../../../core/sharedStore.ts';
import type { TemporalSettings } from '../temporalSettings.ts';
import { keysNowOf } from './encryptionKeys.ts';
import { keyNamed } from './keyNamed.ts';
import { seal, unseal } from './sealedBytes.ts';

/** What an encrypted object begins with, before the key's id and a line feed. No JSON text does. */
const mark = 'forkpoint-encrypted AES-256-GCM ';

/**
 * Encrypts what goes into the store with the key of the payload codec, each object bound to its name. Without a key objects go
 * there as they are; what is there unencrypted stays readable. Names are not encrypted: ids of runs, numbers and, of blobs, hashes.
 */
export function createEncryptedStore(store: SharedStore, settings: Pick<TemporalSettings, 'encryption'>): SharedStore {
  const keysNow = keysNowOf(settings);
  const what = `The run's data in ${store.location}`;
  const encrypt = async (name: string, bytes: Uint8Array): Promise<Uint8Array> => {
    const keys = await keysNow();
    if (keys === null) return bytes;
    const head = `${mark}${keys.current}\n`;
    return Buffer.concat([Buffer.from(head), seal(bytes, keyNamed(keys.current, keys, what), `${head}${name}`)]);
  };
  const decrypt = async (name: string, bytes: Uint8Array): Promise<Uint8Array> => {
    const data = Buffer.from(bytes);
    if (!data.subarray(0, mark.length).equals(Buffer.from(mark))) return bytes;
    const end = data.indexOf('\n') + 1;
    const id = data.toString('utf8', mark.length, end - 1);
    const key = keyNamed(id, await keysNow(), what);
    try {
      return unseal(data.subarray(end), key, data.toString('utf8', 0, end) + name);
    } catch (error) {
      throw new EncryptionError(
        `${name} in ${store.location} can't be decrypted with the key ${id}: it was changed, or another key has that id.`,
        'Compare FORKPOINT_ENCRYPTION_KEY and FORKPOINT_ENCRYPTION_KEY_ID with those of whoever started the run.',
        { keyId: id },
        { cause: error },
      );
    }
  };
  return {
    location: store.location,
    pollMs: store.pollMs,
    async get(name) {
      const bytes = await store.get(name);
      return bytes === null ? null : decrypt(name, bytes);
    },
    put: async (name, bytes) => store.put(name, await encrypt(name, bytes)),
    create: async (name, bytes) => store.create(name, await encrypt(name, bytes)),
    list: (prefix, after) => store.list(prefix, after),
    deleteAll: (prefix) => store.deleteAll(prefix),
  };
}
