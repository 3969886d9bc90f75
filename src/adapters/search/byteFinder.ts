import type { ByteNeedle } from '../../core/search/byteNeedle.ts';
import { instantiate } from '../webAssembly.ts';
import { finderModule } from './finderModule.ts';

const pageBytes = 64 * 1024;
/** Bytes that are searched at a time: so few that they stay in the processor's cache between reading and searching. */
const capacity = 256 * 1024;

// Letters of English and of code, the most frequent first; whatever is not here is rarer still.
const frequent = ' etaoinsrlcdupmf",.:-_/hgbyvwk()=;x0123\'';

type Find = (
  at: number,
  end: number,
  length: number,
  offset: number,
  gap: number,
  byteA: number,
  maskA: number,
  byteB: number,
  maskB: number,
) => number;

interface Finder {
  memory: { buffer: ArrayBuffer; grow(pages: number): void };
  longestNeedle(): number;
  needleAt(): number;
  masksAt(): number;
  dataAt(): number;
  find: Find;
}

/** The places of the two rarest bytes, in order. */
function tellingPlaces({ bytes, masks }: ByteNeedle): [number, number] {
  const rank = (at: number): number => {
    const byte = bytes[at] as number;
    // With a mask a byte stands for its capital, too; both are as frequent as the small letter.
    const known = frequent.indexOf(String.fromCharCode(byte));
    return known < 0 ? frequent.length + (masks[at] === 0 ? 1 : 0) : known;
  };
  const [first = 0, second = first] = [...bytes.keys()].sort((a, b) => rank(b) - rank(a));
  return first < second ? [first, second] : [second, first];
}

/** Finds bytes in a buffer of its own, which the caller fills. */
export class ByteFinder {
  static readonly capacity = capacity;
  /** To be filled from its beginning; `capacity` bytes long. */
  readonly buffer: Buffer;
  readonly length: number;
  readonly #next: (from: number, end: number) => number;

  /** @param needle of which only the first 512 bytes are compared */
  constructor(needle: ByteNeedle) {
    const finder = instantiate<Finder>(Buffer.from(finderModule, 'base64'));
    const longest = finder.longestNeedle();
    const cut = { bytes: needle.bytes.subarray(0, longest), masks: needle.masks.subarray(0, longest) };
    const { bytes, masks } = cut;
    const data = finder.dataAt();
    finder.memory.grow(Math.ceil((data + capacity + 2 * longest + 64) / pageBytes));
    const memory = new Uint8Array(finder.memory.buffer);
    memory.set(bytes, finder.needleAt());
    memory.set(masks, finder.masksAt());
    this.buffer = Buffer.from(memory.buffer, data, capacity);
    this.length = bytes.length;
    const [first, second] = tellingPlaces(cut);
    const telling = [bytes[first], masks[first], bytes[second], masks[second]] as [number, number, number, number];
    this.#next = (from, end) =>
      finder.find(from + data, end + data, bytes.length, first, second - first, ...telling) - data;
  }

  /**
   * Where the bytes stand first in the buffer at or after `from`, wholly before `filled`.
   * @returns -1 where they don't
   */
  indexFrom(from: number, filled: number): number {
    const end = filled - this.length + 1;
    if (from >= end) return -1;
    const found = this.#next(from, end);
    return found >= 0 && found < end ? found : -1;
  }
}
