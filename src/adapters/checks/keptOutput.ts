import { byteSize } from '../../core/format.ts';

/** What a program prints, as it comes; of very much, beginning and end are kept. */
export class KeptOutput {
  readonly #most: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #leftOut = 0;

  /** @param most bytes to keep */
  constructor(most = 1_000_000) {
    this.#most = most;
  }

  add(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    const room = this.#most / 2 - this.#headBytes;
    const first = this.#tailBytes > 0 ? 0 : wholeCharacters(bytes, Math.max(0, room));
    if (first > 0) {
      this.#head.push(bytes.subarray(0, first));
      this.#headBytes += first;
    }
    if (first === bytes.length) return;
    this.#tail.push(bytes.subarray(first));
    this.#tailBytes += bytes.length - first;
    // A copy for every piece would take the square of them.
    if (this.#tailBytes > 2 * this.#most) this.#shorten();
  }

  text(): string {
    this.#shorten();
    const said = this.#leftOut === 0 ? '' : `\n[… ${byteSize(this.#leftOut)} left out …]\n`;
    return Buffer.concat([...this.#head, Buffer.from(said), ...this.#tail]).toString('utf8');
  }

  #shorten(): void {
    const most = this.#most - this.#headBytes;
    if (this.#tailBytes <= most) return;
    const all = Buffer.concat(this.#tail);
    let start = all.length - most;
    while (start < all.length && isInCharacter(all, start)) start += 1;
    this.#leftOut += start;
    this.#tail = [all.subarray(start)];
    this.#tailBytes = all.length - start;
  }
}

function isInCharacter(bytes: Buffer, at: number): boolean {
  return ((bytes[at] ?? 0) & 0xc0) === 0x80;
}

/** Where to cut so that no character is cut. */
function wholeCharacters(bytes: Buffer, most: number): number {
  let end = Math.min(most, bytes.length);
  while (end > 0 && end < bytes.length && isInCharacter(bytes, end)) end -= 1;
  return end;
}
