import { Random } from './random.ts';

const codeCharacters = 2_000_000;
const base64Characters = 1_000_000;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const onsets = ['b', 'br', 'd', 'f', 'g', 'gr', 'k', 'l', 'm', 'n', 'p', 'r', 's', 'st', 't', 'tr', 'v', 'w'] as const;
const vowels = ['a', 'e', 'i', 'o', 'u', 'ea', 'ou'] as const;
const codas = ['', '', 'n', 'r', 's', 't', 'l', 'nd', 'x'] as const;
const accents = ['café', 'naïve', '変更', 'Größe', '→', '…', 'résumé', '☃'] as const;

function word(random: Random): string {
  let text = '';
  for (let left = random.between(1, 3); left > 0; left -= 1)
    text += random.pick(onsets) + random.pick(vowels) + random.pick(codas);
  return text;
}

/**
 * Text to fill sessions with: made once, then cut at random places, so that a gigabyte takes seconds. It has the share of
 * line breaks, quotes and backslashes that source code has, because these are what JSON has to escape.
 */
export class TextPool {
  readonly #random: Random;
  readonly #words: readonly [string, ...string[]];
  readonly #code: string;
  readonly #base64: string;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#words = ['session', ...Array.from({ length: 4000 }, () => word(this.#random))];
    this.#code = this.#makeCode();
    this.#base64 = this.#makeBase64();
  }

  /** One line of `count` words. */
  prose(random: Random, count: number): string {
    const text = Array.from({ length: count }, () => random.pick(this.#words)).join(' ');
    return random.chance(0.1) ? `${text} ${random.pick(accents)}` : text;
  }

  /** So many characters of what looks like source code, plain ASCII. */
  code(random: Random, length: number): string {
    return slice(this.#code, random, length);
  }

  base64(random: Random, length: number): string {
    return slice(this.#base64, random, length);
  }

  #makeCode(): string {
    const random = this.#random;
    const lines: string[] = [];
    for (let length = 0; length < codeCharacters; ) {
      const [a, b, c] = [random.pick(this.#words), random.pick(this.#words), random.pick(this.#words)];
      const line = random.pick([
        `  const ${a} = ${b}(${c}, ${random.between(0, 999)});`,
        `\treturn "${a} ${b}" + ${c};`,
        `// ${a} ${b} ${c} ${this.prose(random, 4).replaceAll(/[^ -~]/g, '')}`,
        `  if (${a}.${b} !== '${c}') { path = "src\\\\${a}"; }`,
        '',
      ]);
      lines.push(line);
      length += line.length + 1;
    }
    return lines.join('\n');
  }

  #makeBase64(): string {
    let text = '';
    while (text.length < base64Characters) text += alphabet[this.#random.between(0, 63)] ?? 'A';
    return text;
  }
}

/** A piece of the pool, repeated where more is asked for than there is. */
function slice(pool: string, random: Random, length: number): string {
  const from = random.between(0, pool.length - 1);
  if (from + length <= pool.length) return pool.slice(from, from + length);
  return (pool.slice(from) + pool.repeat(Math.ceil(length / pool.length))).slice(0, length);
}
