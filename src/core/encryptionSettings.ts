import * as z from 'zod';

/** What 32 bytes are in base64. */
const keyPattern = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

/** Whether the text is a key of 32 bytes in base64. */
export function isEncryptionKey(text: string): boolean {
  return keyPattern.test(text);
}

/** Keys of the payload codec as texts, the way the environment and the editor's secret storage hold them. */
export const encryptionSettingsSchema = z.object({
  /** The key that encrypts: 32 bytes in base64. */
  key: z.string(),
  /** Its name in payloads. Default: made of the key. */
  keyId: z.string().optional(),
  /** Keys that only decrypt what was encrypted before: `id:key,id:key`, without an id where it was made of the key. */
  olderKeys: z.string().optional(),
});
export type EncryptionSettings = z.infer<typeof encryptionSettingsSchema>;

/** @returns null where the environment names no key at all */
export function encryptionSettingsOf(env: Readonly<Record<string, string | undefined>>): EncryptionSettings | null {
  const {
    FORKPOINT_ENCRYPTION_KEY: key = '',
    FORKPOINT_ENCRYPTION_KEY_ID: keyId,
    FORKPOINT_ENCRYPTION_KEYS: olderKeys,
  } = env;
  // Older keys without a present one are refused where they are read: nothing may go out unencrypted by a slip.
  if (!key && !olderKeys) return null;
  return { key, ...(keyId ? { keyId } : {}), ...(olderKeys ? { olderKeys } : {}) };
}

/** Whether a variable holds keys of the codec, which no process needs that is not given them on purpose. */
export function isEncryptionVariable(name: string): boolean {
  return /^FORKPOINT_ENCRYPTION_/i.test(name);
}
