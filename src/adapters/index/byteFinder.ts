import type { ByteNeedle } from '../../core/search/byteNeedle.ts';
import { instantiate } from '../webAssembly.ts';
import { finderModule, layout } from './finderModule.ts';

const pageBytes = 64 * 1024;
/** Bytes that are searched at a time: so few that they stay in the processor's cache between reading and searching. */
const capacity = 256 * 1024;
const longestNeedle = layout.masks - layout.bytes;

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
  memory: { buffer: ArrayBuffer };
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
    const cut = { bytes: needle.bytes.subarray(0, longestNeedle), masks: needle.masks.subarray(0, longestNeedle) };
    const { bytes, masks } = cut;
    const pages = Math.ceil((layout.data + capacity + 2 * longestNeedle) / pageBytes);
    const { memory, find } = instantiate<Finder>(finderModule(pages));
    new Uint8Array(memory.buffer).set(bytes, layout.bytes);
    new Uint8Array(memory.buffer).set(masks, layout.masks);
    this.buffer = Buffer.from(memory.buffer, layout.data, capacity);
    this.length = bytes.length;
    const [first, second] = tellingPlaces(cut);
    const telling = [bytes[first], masks[first], bytes[second], masks[second]] as [number, number, number, number];
    this.#next = (from, end) => find(from, end, bytes.length, first, second - first, ...telling);
  }

  /**
   * Where the bytes stand first in the buffer at or after `from`, wholly before `filled`.
   * @returns -1 where they don't
   */
  indexFrom(from: number, filled: number): number {
    const end = filled - this.length + 1;
    if (from >= end) return -1;
    const found = this.#next(from + layout.data, end + layout.data) - layout.data;
    return found >= 0 && found < end ? found : -1;
  }
}
