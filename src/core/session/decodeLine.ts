/** V8 makes no string longer than about 512 MB. */
export const longestLine = 0x1fffffe8;

const strict = new TextDecoder('utf-8', { fatal: true });
const lenient = new TextDecoder('utf-8');

/**
 * The bytes of one line as text; `invalid` says that some were no UTF-8 and became U+FFFD.
 * @param unfinished true where the line may still be being written: a character cut short at its end is no fault then
 */
export function decodeLine(bytes: Uint8Array, unfinished: boolean): { text: string; invalid: boolean } {
  try {
    return { text: strict.decode(bytes), invalid: false };
  } catch {
    return { text: lenient.decode(bytes), invalid: !unfinished || !endsInsideCharacter(bytes) };
  }
}

/** Whether nothing is wrong with the bytes but that the last character is not complete. */
function endsInsideCharacter(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** How the file begins: with a byte order mark or without, and then the brace and the quote of the first record. */
const utf16Openings = [
  { encoding: 'utf-16le', bytes: [0xff, 0xfe, 0x7b, 0] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff, 0, 0x7b] },
  { encoding: 'utf-16le', bytes: [0x7b, 0, 0x22, 0] },
  { encoding: 'utf-16be', bytes: [0, 0x7b, 0, 0x22] },
] as const;

/** UTF-16, where the first record shows it: a byte order mark alone may also be damage. @param file its first four bytes or more */
export function utf16Of(file: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  return utf16Openings.find(({ bytes }) => bytes.every((byte, at) => file[at] === byte))?.encoding ?? null;
}
