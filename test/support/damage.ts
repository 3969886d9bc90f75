import fc from 'fast-check';

/** Bytes that are taken out of a file at one place, and what comes in their stead. */
export interface Edit {
  /** Offset in the file as it was. */
  at: number;
  drop: number;
  insert: Uint8Array;
}

const encoder = new TextEncoder();

/** What real damage looks like, and what confuses readers of JSON lines most. */
const debris = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.constantFrom(
    ...[
      '\0\0\0\0',
      '\n',
      '\r\n',
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      '}{',
      '{"',
      '","',
      '\uFEFF',
      'null',
      '{"type":"user"',
    ].map((text) => encoder.encode(text)),
    new Uint8Array([0xff, 0xfe, 0xc3]),
  ),
);

/** Damage at up to so many places of a file. A splice writes a piece of the file over another place of it. */
export function anyDamage(bytes: Uint8Array, maxEdits = 3): fc.Arbitrary<Edit[]> {
  const place = fc.nat(bytes.length);
  const length = fc.oneof(fc.nat(4), fc.nat(80), fc.nat(2000));
  const cut = fc.record({ at: place, drop: length, insert: debris });
  const splice = fc
    .record({ at: place, from: place, size: length, keep: fc.boolean() })
    .map(({ at, from, size, keep }) => {
      const insert = bytes.slice(from, from + size);
      return { at, drop: keep ? 0 : insert.length, insert };
    });
  return fc.array(fc.oneof(cut, splice), { minLength: 1, maxLength: maxEdits }).map(apart);
}

/** In order, without those that touch one before them. */
function apart(edits: readonly Edit[]): Edit[] {
  const kept: Edit[] = [];
  for (const edit of [...edits].sort((a, b) => a.at - b.at)) {
    const before = kept.at(-1);
    if (before === undefined || before.at + before.drop < edit.at) kept.push(edit);
  }
  return kept;
}

/** The file with the damage done. */
export function damaged(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const edit of edits) {
    parts.push(bytes.subarray(at, edit.at), edit.insert);
    at = Math.min(bytes.length, edit.at + edit.drop);
  }
  parts.push(bytes.subarray(at));
  return new Uint8Array(Buffer.concat(parts));
}

/** Texts of the lines of a file that no edit touched. */
export function undamagedLines(bytes: Uint8Array, edits: readonly Edit[]): string[] {
  const lines: string[] = [];
  const decoder = new TextDecoder();
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    if (!edits.some(({ at, drop }) => (drop === 0 ? at > start && at < end : at < end && at + drop > start)))
      lines.push(decoder.decode(bytes.subarray(start, end)));
    start = end + 1;
  }
  return lines;
}
