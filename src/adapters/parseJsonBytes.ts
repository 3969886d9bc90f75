/**
 * Reads JSON that stands as UTF-8 in the bytes, without a copy of them.
 * @throws SyntaxError
 */
export function parseJsonBytes({ buffer, byteOffset, length }: Uint8Array): unknown {
  return JSON.parse(Buffer.from(buffer, byteOffset, length).toString());
}
