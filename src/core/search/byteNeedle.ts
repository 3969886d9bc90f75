import { foldCase } from './foldCase.ts';

/** Bytes to look for: `(byte | mask) === bytes[i]` must hold at each place. */
export interface ByteNeedle {
  bytes: Uint8Array;
  masks: Uint8Array;
}

const encoder = new TextEncoder();
let foldedTo: Map<string, string[]> | null = null;

/** Characters that are the same letter; ASCII ones have no relatives outside of ASCII. */
function variantsOf(character: string): string[] {
  if (character < '\u0080') return [...new Set([character, character.toLowerCase(), character.toUpperCase()])];
  foldedTo ??= nonAsciiVariants();
  return foldedTo.get(foldCase(character)) ?? [character];
}

function nonAsciiVariants(): Map<string, string[]> {
  const variants = new Map<string, string[]>();
  for (let code = 0x80; code < 0x1f000; code += 1) {
    const character = String.fromCodePoint(code);
    const folded = foldCase(character);
    if (folded === character && character.toUpperCase() === character) continue;
    variants.set(folded, [...(variants.get(folded) ?? []), character]);
  }
  return variants;
}

/** The character as `JSON.stringify` writes it inside a string, which is how Claude Code writes its lines. */
function writtenBytes(character: string): Uint8Array {
  return encoder.encode(JSON.stringify(character).slice(1, -1));
}

/**
 * What stands in a transcript's bytes wherever a text holds the query: the longest part of it whose letters take
 * equally many bytes as capitals. It may stand elsewhere too.
 * @returns null where no part is certain
 */
export function byteNeedle(text: string, ignoresCase: boolean): ByteNeedle | null {
  let best: number[][] = [];
  let run: number[][] = [];
  for (const character of text) {
    const variants = (ignoresCase ? variantsOf(character) : [character]).map(writtenBytes);
    const [first = new Uint8Array(), ...others] = variants;
    if (others.some(({ length }) => length !== first.length)) {
      run = [];
      continue;
    }
    for (const [at, byte] of first.entries()) {
      const mask = others.reduce((differing, other) => differing | (byte ^ (other[at] ?? 0)), 0);
      run.push([byte | mask, mask]);
    }
    if (run.length > best.length) best = run;
  }
  if (best.length === 0) return null;
  return {
    bytes: Uint8Array.from(best, ([byte = 0]) => byte),
    masks: Uint8Array.from(best, ([, mask = 0]) => mask),
  };
}
