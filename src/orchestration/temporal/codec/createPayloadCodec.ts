// src/orchestration/temporal/codec: what of Temporal's payloads is encrypted, and the endpoint with which its web UI
// reads them. No payload's meaning is known here.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { EncryptionError } from '../../../core/errors.ts';
import type { EncryptionKeys } from './encryptionKeys.ts';
import { payloadFromJson, payloadJsonSchema, payloadToJson } from './payloadJson.ts';

const encoding = 'binary/encrypted';
const cipherName = 'AES-256-GCM';
const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts every payload as a whole, its metadata included, with AES-256-GCM and a random nonce: `nonce · ciphertext · tag`.
 * The metadata of what goes out name the encoding and the key's id, and nothing else. Without keys payloads go out as they
 * are. What came in unencrypted stays readable, so that runs from before the key was set go on.
 * @param keysNow asked each time: a person may set another key meanwhile
 */
export function createPayloadCodec(keysNow: () => Promise<EncryptionKeys | null>): PayloadCodec {
  return {
    async encode(payloads) {
      const keys = await keysNow();
      return keys === null ? payloads : payloads.map((payload) => encrypt(payload, keys));
    },
    async decode(payloads) {
      const keys = await keysNow();
      return payloads.map((payload) => (textOf(payload, 'encoding') === encoding ? decrypt(payload, keys) : payload));
    },
  };
}

function encrypt(payload: Payload, { current, keys }: EncryptionKeys): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', keyNamed(current, keys), nonce, { authTagLength: tagBytes });
  cipher.setAAD(boundTo(current));
  const text = Buffer.from(JSON.stringify(payloadToJson(payload)));
  const data = Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return {
    metadata: {
      encoding: Buffer.from(encoding),
      'encryption-cipher': Buffer.from(cipherName),
      'encryption-key-id': Buffer.from(current),
    },
    data,
  };
}

function decrypt(payload: Payload, keys: EncryptionKeys | null): Payload {
  const id = textOf(payload, 'encryption-key-id');
  if (keys === null) {
    throw new EncryptionError(
      `This run's data on the Temporal server is encrypted (key ${id}), and no key is set here.`,
      'Set FORKPOINT_ENCRYPTION_KEY to that key, or in the editor run “Forkpoint: Set Encryption Key…”.',
      { keyId: id },
    );
  }
  const key = keyNamed(id, keys.keys);
  const data = Buffer.from(payload.data ?? []);
  if (data.length < nonceBytes + tagBytes) throw damaged(id);
  let text: string;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(boundTo(id));
    decipher.setAuthTag(data.subarray(-tagBytes));
    const sealed = data.subarray(nonceBytes, -tagBytes);
    text = Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
  } catch (error) {
    throw damaged(id, error);
  }
  return payloadFromJson(payloadJsonSchema.parse(JSON.parse(text)));
}

function keyNamed(id: string, keys: ReadonlyMap<string, Buffer>): Buffer {
  const key = keys.get(id);
  if (key !== undefined) return key;
  throw new EncryptionError(
    `This run's data on the Temporal server is encrypted with the key ${id}, which is not among those set here: ${[...keys.keys()].join(', ')}.`,
    'Add it to FORKPOINT_ENCRYPTION_KEYS as id:key, or run where that key is set.',
    { keyId: id },
  );
}

function damaged(id: string, cause?: unknown): EncryptionError {
  return new EncryptionError(
    `A payload on the Temporal server can't be decrypted with the key ${id}: it was changed, or another key has that id.`,
    'Compare FORKPOINT_ENCRYPTION_KEY and FORKPOINT_ENCRYPTION_KEY_ID with those of whoever started the run.',
    { keyId: id },
    { cause },
  );
}

/** Ties a ciphertext to the metadata beside it. */
function boundTo(id: string): Buffer {
  return Buffer.from(`${encoding}\0${cipherName}\0${id}`);
}

function textOf({ metadata }: Payload, name: string): string {
  return Buffer.from(metadata?.[name] ?? []).toString('utf8');
}
