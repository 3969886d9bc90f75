/** How a text stands in a file's bytes. */
export interface TextForm {
  encoding: 'utf-8' | 'utf-16le';
  /** `mixed` where lines end in both ways. */
  lineEnds: 'lf' | 'crlf' | 'mixed';
}

// As much of a file as Claude Code looks at to find out how its lines end.
const sample = 4096;

/** A text as it is edited: lines end in LF, and a byte order mark is its first character. */
export interface DecodedText {
  text: string;
  form: TextForm;
}

function lineEndsOf(text: string): TextForm['lineEnds'] {
  const crlf = text.split('\r\n').length - 1;
  const lf = text.split('\n').length - 1 - crlf;
  return crlf === 0 ? 'lf' : lf === 0 ? 'crlf' : 'mixed';
}

/** Reads a file's bytes as Claude Code's tools do: UTF-16LE behind its byte order mark, else UTF-8. */
export function decodeText(bytes: Uint8Array): DecodedText {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  const text = new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes);
  return { text: unixLines(text), form: { encoding, lineEnds: lineEndsOf(text) } };
}

/** Whether most line ends of the beginning are CRLF: then a tool writes all of them so. */
export function mostlyCrlf(bytes: Uint8Array): boolean {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  const text = new TextDecoder(encoding).decode(bytes.subarray(0, sample));
  const crlf = text.split('\r\n').length - 1;
  return crlf > text.split('\n').length - 1 - crlf;
}

export function unixLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** @param text with LF at its line ends */
export function encodeText(text: string, form: { encoding: TextForm['encoding']; crlf: boolean }): Uint8Array {
  const whole = form.crlf ? text.replaceAll('\n', '\r\n') : text;
  if (form.encoding === 'utf-8') return new TextEncoder().encode(whole);
  const bytes = new Uint8Array(whole.length * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < whole.length; at += 1) view.setUint16(at * 2, whole.charCodeAt(at), true);
  return bytes;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
