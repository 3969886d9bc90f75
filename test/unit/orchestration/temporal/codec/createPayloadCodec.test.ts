import { randomBytes } from 'node:crypto';
import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EncryptionSettings, encryptionSettingsOf } from '../../../../../src/core/encryptionSettings.ts';
import { createPayloadCodec } from '../../../../../src/orchestration/temporal/codec/createPayloadCodec.ts';
import { encryptionKeysOf } from '../../../../../src/orchestration/temporal/codec/encryptionKeys.ts';

const newKey = (): string => randomBytes(32).toString('base64');
const codecOf = (settings: EncryptionSettings | null) =>
  createPayloadCodec(async () => (settings === null ? null : encryptionKeysOf(settings)));
const plain = (payload: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('hex')]),
  ),
  data: payload.data && Buffer.from(payload.data).toString('hex'),
});

const payloads = fc.array(
  fc.record({
    metadata: fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
      fc.uint8Array(),
    ),
    data: fc.uint8Array({ maxLength: 2_000 }),
  }),
  { maxLength: 4 },
);

const secret: Payload = {
  metadata: { encoding: Buffer.from('json/plain'), about: Buffer.from('swordfish') },
  data: Buffer.from('"swordfish"'),
};

describe('the payload codec', () => {
  it('gives back what it was given, in order', async () => {
    const codec = codecOf({ key: newKey() });
    await fc.assert(
      fc.asyncProperty(payloads, async (given) => {
        const decoded = await codec.decode(await codec.encode(given));
        expect(decoded.map(plain)).toEqual(given.map(plain));
      }),
      { numRuns: 100 },
    );
  });

  it('shows nothing but the encoding, the cipher and the key’s id, and never the same twice', async () => {
    const codec = codecOf({ key: newKey(), keyId: 'k1' });
    const [one, two] = await codec.encode([secret, secret]);
    expect(Buffer.from(one?.data ?? [])).not.toEqual(Buffer.from(two?.data ?? []));
    const shown = Object.entries(one?.metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString()]);
    expect(Object.fromEntries(shown)).toEqual({
      encoding: 'binary/encrypted',
      'encryption-cipher': 'AES-256-GCM',
      'encryption-key-id': 'k1',
    });
    expect(Buffer.from(one?.data ?? []).toString('latin1')).not.toContain('swordfish');
  });

  it('reads what an older key encrypted, and encrypts with the new one', async () => {
    const [old, next] = [newKey(), newKey()];
    const [written] = await codecOf({ key: old, keyId: '2025' }).encode([secret]);
    const rotated = codecOf({ key: next, keyId: '2026', olderKeys: ` 2025:${old},2024:${newKey()}, ` });
    expect((await rotated.decode([written!])).map(plain)).toEqual([plain(secret)]);
    const [fresh] = await rotated.encode([secret]);
    expect(Buffer.from(fresh?.metadata?.['encryption-key-id'] ?? []).toString()).toBe('2026');
    const unnamed = await codecOf({ key: old }).encode([secret]);
    expect((await codecOf({ key: next, olderKeys: old }).decode(unnamed)).map(plain)).toEqual([plain(secret)]);
    await expect(codecOf({ key: next, keyId: '2026' }).decode([written!])).rejects.toMatchObject({
      code: 'encryption',
      message: expect.stringContaining('2025'),
      hint: expect.stringContaining('FORKPOINT_ENCRYPTION_KEYS'),
    });
  });

  it('refuses every changed bit and every exchanged id', async () => {
    const key = newKey();
    const codec = codecOf({ key, keyId: 'a', olderKeys: `b:${key}` });
    const [sealed] = await codec.encode([secret]);
    const data = Buffer.from(sealed!.data!);
    await fc.assert(
      fc.asyncProperty(fc.nat(data.length - 1), fc.nat(7), async (at, bit) => {
        const changed = Buffer.from(data);
        changed[at]! ^= 1 << bit;
        await expect(codec.decode([{ ...sealed, data: changed }])).rejects.toMatchObject({ code: 'encryption' });
      }),
      { numRuns: 100 },
    );
    for (const cut of [0, 5, data.length - 1]) {
      await expect(codec.decode([{ ...sealed, data: data.subarray(0, cut) }])).rejects.toMatchObject({
        code: 'encryption',
      });
    }
    const metadata = { ...sealed!.metadata, 'encryption-key-id': Buffer.from('b') };
    await expect(codec.decode([{ ...sealed, metadata }])).rejects.toMatchObject({ code: 'encryption' });
  });

  it('says without a key that it is encrypted, and lets through what is not', async () => {
    const [sealed] = await codecOf({ key: newKey(), keyId: 'k1' }).encode([secret]);
    const none = codecOf(null);
    await expect(none.decode([sealed!])).rejects.toMatchObject({
      code: 'encryption',
      message: expect.stringMatching(/is encrypted \(key k1\), and no key is set/),
      hint: expect.stringContaining('FORKPOINT_ENCRYPTION_KEY'),
    });
    expect(await none.encode([secret])).toEqual([secret]);
    // From before the key was set.
    expect(await codecOf({ key: newKey() }).decode([secret])).toEqual([secret]);
  });
});

describe('keys of the environment', () => {
  it('are none where no variable is set, and are refused in words that quote no key', () => {
    expect(encryptionSettingsOf({ FORKPOINT_ENCRYPTION_KEY: '' })).toBeNull();
    const key = newKey();
    const wrong: Record<string, string>[] = [
      { FORKPOINT_ENCRYPTION_KEY: `${key.slice(0, 20)}` },
      { FORKPOINT_ENCRYPTION_KEYS: `old:${key}` },
      { FORKPOINT_ENCRYPTION_KEY: key, FORKPOINT_ENCRYPTION_KEYS: `old:${key.slice(1)}` },
      { FORKPOINT_ENCRYPTION_KEY: key, FORKPOINT_ENCRYPTION_KEY_ID: 'a', FORKPOINT_ENCRYPTION_KEYS: `a:${newKey()}` },
    ];
    for (const env of wrong) {
      const settings = encryptionSettingsOf(env);
      expect(settings).not.toBeNull();
      try {
        encryptionKeysOf(settings!);
        expect.unreachable(JSON.stringify(Object.keys(env)));
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad_input' });
        expect(JSON.stringify(error)).not.toContain(key.slice(0, 12));
      }
    }
  });

  it('have ids that tell them apart', () => {
    const [one, two] = [newKey(), newKey()];
    const id = (key: string) => encryptionKeysOf({ key }).current;
    expect(id(one)).toBe(id(one));
    expect(id(one)).not.toBe(id(two));
    expect(id(one)).toMatch(/^[0-9a-f]{12}$/);
  });
});
