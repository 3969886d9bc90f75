import { fileSize } from '../../core/format.ts';

/** Files above this are said to be large instead of being shown. */
const maxBytes = 5_000_000;

/** The file's bytes, or a few lines in place of what no diff editor shows well: binary files and very large ones. */
export async function shownContent(bytes: Uint8Array): Promise<Uint8Array | string> {
  // As git tells it: by a NUL near the beginning.
  const binary = bytes.subarray(0, 8_000).includes(0);
  if (!binary && bytes.length <= maxBytes) return bytes;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${binary ? 'Binary file' : 'Large file, not shown'}\n${fileSize(bytes.length)}\nSHA-256 ${hex}\n`;
}
