import { foldCase } from './foldCase.ts';

const asciiGrams = 1 << 21;
const grams = 1 << 22;

/** A set of grams that is cheap to fill and to empty. */
export class GramSet {
  readonly #bits = new Uint8Array(grams >> 3);
  readonly #members: number[] = [];

  /** Adds every three neighbouring characters of a text, capitals as small letters. */
  add(text: string): void {
    const folded = foldCase(text);
    let first = folded.charCodeAt(0);
    let second = folded.charCodeAt(1);
    for (let at = 2; at < folded.length; at += 1) {
      const third = folded.charCodeAt(at);
      this.#addGram(gramOf(first, second, third));
      first = second;
      second = third;
    }
  }

  #addGram(gram: number): void {
    const bit = 1 << (gram & 7);
    if (((this.#bits[gram >> 3] as number) & bit) !== 0) return;
    this.#bits[gram >> 3] = (this.#bits[gram >> 3] as number) | bit;
    this.#members.push(gram);
  }

  /** The members as words of a full-text index, and an empty set again. */
  takeWords(): string[] {
    const words = this.#members.map((gram) => gram.toString(36));
    for (const gram of this.#members) this.#bits[gram >> 3] = 0;
    this.#members.length = 0;
    return words;
  }
}

/** Three ASCII characters have a number of their own; others share the rest, which costs a look at a text now and then. */
function gramOf(first: number, second: number, third: number): number {
  if ((first | second | third) < 128) return (first << 14) | (second << 7) | third;
  return asciiGrams | ((Math.imul(Math.imul(first, 31) + second, 31) + third) & (asciiGrams - 1));
}
