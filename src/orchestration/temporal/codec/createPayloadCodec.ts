// src/orchestration/temporal/codec: what of Temporal's payloads is encrypted, and the endpoint with which its web UI
// reads them. No payload's meaning is known here.

import type { Payload, PayloadCodec } from '@temporalio/common';
import { EncryptionError } from '../../../core/errors.ts';
import type { EncryptionKeys } from './encryptionKeys.ts';
import { keyNamed } from './keyNamed.ts';
import { payloadFromJson, payloadJsonSchema, payloadToJson } from './payloadJson.ts';
import { seal, unseal } from './sealedBytes.ts';

const encoding = 'binary/encrypted';
const cipherName = 'AES-256-GCM';
const what = "This run's data on the Temporal server";

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

function encrypt(payload: Payload, keys: EncryptionKeys): Payload {
  const { current } = keys;
  const text = Buffer.from(JSON.stringify(payloadToJson(payload)));
  const data = seal(text, keyNamed(current, keys, what), boundTo(current));
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
  const key = keyNamed(id, keys, what);
  let text: string;
  try {
    text = unseal(Buffer.from(payload.data ?? []), key, boundTo(id)).toString('utf8');
  } catch (error) {
    throw damaged(id, error);
  }
  return payloadFromJson(payloadJsonSchema.parse(JSON.parse(text)));
}

function damaged(id: string, cause: unknown): EncryptionError {
  return new EncryptionError(
    `A payload on the Temporal server can't be decrypted with the key ${id}: it was changed, or another key has that id.`,
    'Compare FORKPOINT_ENCRYPTION_KEY and FORKPOINT_ENCRYPTION_KEY_ID with those of whoever started the run.',
    { keyId: id },
    { cause },
  );
}

/** Ties a ciphertext to the metadata beside it. */
function boundTo(id: string): string {
  return `${encoding}\0${cipherName}\0${id}`;
}

function textOf({ metadata }: Payload, name: string): string {
  return Buffer.from(metadata?.[name] ?? []).toString('utf8');
}
