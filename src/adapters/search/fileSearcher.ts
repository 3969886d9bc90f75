import { closeSync, fstatSync, readSync } from 'node:fs';
import { byteNeedle } from '../../core/search/byteNeedle.ts';
import { type FoundText, searchRecord } from '../../core/search/searchRecord.ts';
import { TextMatcher } from '../../core/search/textMatcher.ts';
import { decodeLine, longestLine, utf16Of } from '../../core/session/decodeLine.ts';
import { parseLine } from '../../core/session/parseLine.ts';
import { openPlainFileSync } from '../plainFiles.ts';
import { ByteFinder } from './byteFinder.ts';
import { LineReader } from './lineReader.ts';

/** A part of a file that begins with a line. */
export interface FilePiece {
  start: number;
  /** Exclusive; null = the end of the file, wherever that is by then. */
  end: number | null;
  /** Number of its first line, 1-based. */
  line: number;
}

export const wholeFile: FilePiece = { start: 0, end: null, line: 1 };

/** Values of which one stands in every record that holds a text to be found. */
const telling = ['user', 'assistant', 'queued_command', 'queue-operation'];
const tellingMembers = telling.map((value) => `"type":"${value}"`);
const tellingValues = telling.map((value) => `"${value}"`);

/**
 * Whether a line can hold a message: inside strings quotes are escaped, so text can't look like this. Tools that clean up
 * transcripts write them with spaces.
 */
export function mayHoldMessage(line: Buffer): boolean {
  const isCompact = line.includes('"type":"');
  return (isCompact ? tellingMembers : tellingValues).some((text) => line.includes(text));
}

/**
 * Finds a query in transcripts. Bytes are compared first, and only lines in which they stand are parsed. One search at a
 * time: all share a buffer.
 */
export class FileSearcher {
  readonly #matcher: TextMatcher;
  readonly #finder: ByteFinder | null;
  readonly #buffer: Buffer;

  /** @param options `bufferBytes`: how much is read at a time; more than the query has */
  constructor(text: string, { bufferBytes = ByteFinder.capacity }: { bufferBytes?: number } = {}) {
    this.#matcher = new TextMatcher(text);
    const needle = byteNeedle(text, this.#matcher.ignoresCase);
    this.#finder = needle === null ? null : new ByteFinder(needle);
    this.#buffer = (this.#finder?.buffer ?? Buffer.allocUnsafe(bufferBytes)).subarray(0, bufferBytes);
  }

  /**
   * Searches parts of a file in their order. Gives what it found, or nothing, after each buffer that was read.
   * @throws the file system's error where the file can't be read
   */
  *search(file: string, pieces: readonly FilePiece[]): Generator<FoundText[], void> {
    const { descriptor: handle } = openPlainFileSync(file);
    try {
      const seen = new Set<string>();
      for (const piece of pieces) {
        for (const found of this.#searchPiece(handle, piece)) yield found.filter((text) => isNew(text, seen));
      }
    } finally {
      closeSync(handle);
    }
  }

  *#searchPiece(handle: number, piece: FilePiece): Generator<FoundText[], void> {
    const lines = new LineReader(handle, piece);
    const end = piece.end ?? Number.POSITIVE_INFINITY;
    for (let position = piece.start; position < end; ) {
      const length = Math.min(this.#buffer.length, end - position);
      const filled = readSync(handle, this.#buffer, 0, length, position);
      if (filled === 0) return;
      const encoding = position === 0 ? utf16Of(this.#buffer.subarray(0, filled)) : null;
      if (encoding !== null) {
        yield this.#searchUtf16(handle, encoding);
        return;
      }
      const found: FoundText[] = [];
      let from = 0;
      for (let at = this.#next(from, filled); at >= 0; at = this.#next(from, filled)) {
        const line = lines.around(position + at);
        found.push(...this.#searchLine(lines, line));
        from = line.end + 1 - position;
        if (from >= filled) break;
      }
      yield found;
      if (filled < length || position + filled >= end) return;
      // What stands across two buffers is found in the second one.
      position += Math.max(from, filled - (this.#finder?.length ?? 1) + 1);
    }
  }

  /** Where the next line may hold the query; without bytes to look for, that is every line. */
  #next(from: number, filled: number): number {
    if (this.#finder === null) return from < filled ? from : -1;
    return this.#finder.indexFrom(from, filled);
  }

  #searchLine(lines: LineReader, line: { start: number; end: number }): FoundText[] {
    if (line.end - line.start > longestLine) return [];
    const bytes = lines.bytes(line);
    if (!mayHoldMessage(bytes)) return [];
    const number = lines.numberOf(line);
    const { text } = decodeLine(bytes, false);
    const parsed = parseLine(text, number);
    if (parsed.problems.length > 0) return this.#searchDamaged(lines, line, number);
    return parsed.records.flatMap((record) => searchRecord(record, number, this.#matcher));
  }

  /** A record that was broken off may end in the next line, and one that ends here may have begun in the line before. */
  #searchDamaged(lines: LineReader, line: { start: number; end: number }, number: number): FoundText[] {
    const before = line.start > 0 ? lines.around(line.start - 1) : null;
    const after = lines.around(line.end + 1);
    let head = before === null ? null : parseLine(decodeLine(lines.bytes(before), false).text, number - 1).head;
    const found: FoundText[] = [];
    for (const [at, each] of [line, after].entries()) {
      const parsed = parseLine(decodeLine(lines.bytes(each), false).text, number + at, false, head);
      head = parsed.head;
      found.push(...parsed.records.flatMap((record) => searchRecord(record, number + at, this.#matcher)));
    }
    return found;
  }

  #searchUtf16(handle: number, encoding: string): FoundText[] {
    const bytes = Buffer.allocUnsafe(fstatSync(handle).size);
    const text = new TextDecoder(encoding).decode(bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, 0)));
    let head: string | null = null;
    return text.split('\n').flatMap((line, at) => {
      const parsed = parseLine(line, at + 1, false, head);
      head = parsed.head;
      return parsed.records.flatMap((record) => searchRecord(record, at + 1, this.#matcher));
    });
  }
}

/** A message may be met twice: written twice, or recovered from either of two damaged lines. */
function isNew({ uuid, index, line }: FoundText, seen: Set<string>): boolean {
  const key = `${uuid === '' ? line : uuid}:${index}`;
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}
