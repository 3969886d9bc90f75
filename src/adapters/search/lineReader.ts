import { readSync } from 'node:fs';
import { readFully } from '../plainFiles.ts';

const lineFeed = 10;
const blockBytes = 32 * 1024;
/** One for all: calls are synchronous, and what is in it is used before the next call. */
const sharedBlock = Buffer.allocUnsafe(blockBytes);

/** A line of a file without its line break: `end` is where the break stands, or the end of the file. */
export interface LineSpan {
  start: number;
  end: number;
}

/** Finds lines around places in a file, and their numbers. Places are asked for in file order. */
export class LineReader {
  readonly #handle: number;
  /** A line whose number is known. */
  #known: { start: number; number: number };

  /** @param known beginning of a line, and its number */
  constructor(handle: number, known: { start: number; line: number }) {
    this.#handle = handle;
    this.#known = { start: known.start, number: known.line };
  }

  /** The line that holds this byte. */
  around(offset: number): LineSpan {
    return { start: this.#startOf(offset), end: this.#endOf(offset) };
  }

  bytes({ start, end }: LineSpan): Buffer {
    const bytes = Buffer.allocUnsafe(Math.max(0, end - start));
    return bytes.subarray(0, readFully(this.#handle, bytes, start));
  }

  /** Number of a line that begins at or after the last one asked for. */
  numberOf({ start }: LineSpan): number {
    let { start: at, number } = this.#known;
    while (at < start) {
      const block = this.#read(at, Math.min(blockBytes, start - at));
      if (block.length === 0) break;
      for (let found = block.indexOf(lineFeed); found >= 0; found = block.indexOf(lineFeed, found + 1)) number += 1;
      at += block.length;
    }
    if (at === start) this.#known = { start, number };
    return number;
  }

  #startOf(offset: number): number {
    for (let end = offset; end > 0; ) {
      const from = Math.max(0, end - blockBytes);
      const found = this.#read(from, end - from).lastIndexOf(lineFeed);
      if (found >= 0) return from + found + 1;
      end = from;
    }
    return 0;
  }

  #endOf(offset: number): number {
    for (let from = offset; ; ) {
      const block = this.#read(from, blockBytes);
      const found = block.indexOf(lineFeed);
      if (found >= 0) return from + found;
      if (block.length === 0) return from;
      from += block.length;
    }
  }

  #read(from: number, length: number): Buffer {
    return sharedBlock.subarray(0, readSync(this.#handle, sharedBlock, 0, length, from));
  }
}
