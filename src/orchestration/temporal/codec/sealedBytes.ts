import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const nonceBytes = 12;
const tagBytes = 16;

/**
 * Encrypts with AES-256-GCM and a random nonce.
 * @param boundTo text beside the ciphertext that can't be changed without its being noticed
 * @returns `nonce · ciphertext · tag`
 */
export function seal(bytes: Uint8Array, key: KeyObject, boundTo: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(boundTo));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** What `seal` encrypted. @throws Error where key, ciphertext or the text beside it is another one */
export function unseal(sealed: Buffer, key: KeyObject, boundTo: string): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new Error('It is too short.');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}
