import { isUtf8 } from 'node:buffer';
import { closeSync } from 'node:fs';
import { longestLine, utf16Of } from '../../core/session/decodeLine.ts';
import { parseTranscript, TranscriptReader } from '../../core/session/parseTranscript.ts';
import { type GatheredSummary, SessionSummaryBuilder } from '../../core/session/sessionSummary.ts';
import type { TranscriptEntry } from '../../core/session/transcriptEntry.ts';
import { type FileStamp, isSameStamp, stampOf } from '../fileStamp.ts';
import { openPlainFileSync, readFully } from '../plainFiles.ts';
import { LineSource, StoredEntry } from './lineSource.ts';
import type { Outlines, Part } from './outline/outlineIndex.ts';
import { cachedEntries, partsOfRecords } from './outline/storedOutlines.ts';
import { LineSkimmer } from './skim/lineSkimmer.ts';
import { QuickReader } from './skim/quickEntry.ts';

const lineFeed = 10;
/** So much of what was read is compared with the file before reading on. */
const tailBytes = 512;
const { capacity } = LineSkimmer;

/** Its memory serves every scan of this thread: a scan runs to its end before another one begins. */
let shared: { skimmer: LineSkimmer; quick: QuickReader } | null = null;

function tools() {
  if (shared === null) {
    const skimmer = new LineSkimmer();
    shared = { skimmer, quick: new QuickReader(skimmer) };
  }
  return shared;
}

/** A line, of one that is too long for a string only the length. */
interface LineBytes {
  pieces: Buffer[];
  length: number;
}

export interface ScanOptions {
  isSubagent?: boolean;
  /** False where only the summary is wanted: then the result has no entries. */
  keepsEntries?: boolean;
  /** True where only the summary is wanted and the file is read once, which is faster; updated, it reads all of it again. */
  once?: boolean;
  /** Where the outlines of long files are cached for other processes; default: nowhere. */
  outlines?: Outlines | null;
}

/** What another process needs to go on from where this one is, besides the outlines. */
interface StoredScan extends Pick<TranscriptReader, 'problems' | 'hasLooseParents'> {
  state: FileStamp;
  records: number;
  summary: GatheredSummary;
  next: { start: number; line: number };
  tail: Uint8Array;
}

function* partsOfScan(scan: StoredScan, entries: readonly StoredEntry[]): Generator<Part, void> {
  yield ['scan', scan];
  yield* partsOfRecords(entries, scan.state);
}

/**
 * The reading of one transcript, as far as the file went when it was looked at last. Goes on from there when the file has
 * grown. Of undamaged lines only an outline is kept; their contents stay on disk.
 */
export class TranscriptScan {
  readonly file: string;
  readonly #isSubagent: boolean;
  readonly #keepsEntries: boolean;
  readonly #isOnce: boolean;
  #state: FileStamp | null = null;
  #reader: TranscriptReader;
  #source: LineSource | null = null;
  /** Where the first line begins that was not complete yet, and its number. */
  #next = { start: 0, line: 1 };
  #result: TranscriptReader;
  /** What stands before `#next`, as far as it is compared when the file has grown. */
  #tail: Buffer = Buffer.alloc(0);
  /** State of the file when its outline was cached last. */
  #cached: FileStamp | null = null;
  /** Where the line begins that is being read, and its length: what the reader keeps of it is told by that. */
  #at = { start: 0, length: 0 };

  readonly #outlines: Outlines | null;

  constructor(file: string, options: ScanOptions = {}) {
    this.file = file;
    this.#outlines = options.outlines ?? null;
    this.#isSubagent = options.isSubagent === true;
    this.#isOnce = options.once === true;
    this.#keepsEntries = options.keepsEntries !== false && !this.#isOnce;
    this.#reader = new TranscriptReader(this.#isSubagent);
    this.#result = this.#reader;
  }

  /** What the file holds, as of the last `update`. */
  get transcript(): TranscriptReader {
    return this.#result;
  }

  get state(): FileStamp | null {
    return this.#state;
  }

  /** Reads what is new. @throws the file system's error where the file can't be read */
  update(): void {
    const { descriptor, stats } = openPlainFileSync(this.file);
    try {
      const state = stampOf(stats);
      const before = this.#state;
      if (before !== null && isSameStamp(before, state)) return;
      const hasGrown = !this.#isOnce && before !== null && before.inode === state.inode && state.bytes > before.bytes;
      if (!hasGrown || !this.#isStillThere(descriptor)) this.#startAgain(state);
      this.#state = state;
      if (this.#next.start === 0) this.#recall(descriptor, state);
      this.#read(descriptor, state.bytes);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Whether what is cached is that state of the file. */
  caches(state: FileStamp): boolean {
    return this.#cached !== null && isSameStamp(state, this.#cached);
  }

  /** Gives back the file; entries open it again when they are asked. */
  close(): void {
    this.#source?.close();
  }

  #startAgain({ inode, bytes }: FileStamp): void {
    this.#source?.close();
    this.#source = new LineSource(this.file, inode);
    const seen = this.#isOnce ? tools().skimmer.beginPassing(bytes) : undefined;
    this.#reader = new TranscriptReader(this.#isSubagent, (entry, isPlain) => this.#keep(entry, isPlain), seen);
    this.#next = { start: 0, line: 1 };
    this.#tail = Buffer.alloc(0);
    this.#cached = null;
  }

  /** Whether what stands before the place to go on from is what stood there: a file may also be written anew. */
  #isStillThere(descriptor: number): boolean {
    const found = Buffer.alloc(this.#tail.length);
    readFully(descriptor, found, this.#next.start - found.length);
    return found.equals(this.#tail);
  }

  #keep(entry: TranscriptEntry, isPlain: boolean): TranscriptEntry | null {
    if (!this.#keepsEntries) return null;
    if (!isPlain || this.#source === null || entry instanceof StoredEntry) return entry;
    return new StoredEntry(entry, entry.line, this.#source, this.#at.start, this.#at.length);
  }

  /** Takes over what another process has read of the file, which may have grown since. */
  #recall(descriptor: number, state: FileStamp): void {
    const outlines = this.#outlines;
    if (outlines === null || this.#source === null || state.bytes < outlines.cacheFrom) return;
    const stored = outlines.get(this.file, 'scan') as StoredScan | null;
    if (stored === null || stored.state.inode !== state.inode) return;
    if (!isSameStamp(stored.state, state) && stored.state.bytes >= state.bytes) return;
    this.#next = stored.next;
    this.#tail = Buffer.from(stored.tail);
    const entries = this.#isStillThere(descriptor)
      ? cachedEntries(outlines, this.file, stored.state, stored.records, this.#source)
      : null;
    if (entries === null) {
      this.#next = { start: 0, line: 1 };
      this.#tail = Buffer.alloc(0);
      return;
    }
    const { problems, hasLooseParents } = stored;
    this.#reader.resume({ entries, problems, summary: SessionSummaryBuilder.from(stored.summary), hasLooseParents });
    this.#cached = stored.state;
  }

  /** Caches what was read for other processes, where it is much more than they know. */
  cache(): void {
    const outlines = this.#outlines;
    const state = this.#state;
    if (outlines === null || state === null || state.bytes < outlines.cacheFrom) return;
    // Not again for every line that is added.
    if (this.#cached !== null && state.bytes < this.#cached.bytes * 1.1) return;
    // What was read of a damaged line, or of one that is not complete, stands nowhere in the file as it is.
    const { entries, problems, summary, hasLooseParents, isBetweenRecords } = this.#result;
    const stored = entries.filter((entry) => entry instanceof StoredEntry);
    if (this.#result !== this.#reader || !isBetweenRecords || stored.length < entries.length) return;
    const scan: StoredScan = {
      state,
      records: stored.length,
      problems,
      summary: summary.gathered(),
      hasLooseParents,
      next: this.#next,
      tail: new Uint8Array(this.#tail),
    };
    outlines.put(this.file, partsOfScan(scan, stored), Date.now());
    this.#cached = state;
  }

  #read(descriptor: number, bytes: number): void {
    const rest = this.#readLines(descriptor, bytes);
    this.#result = this.#reader;
    if (rest === null) return;
    if (rest === 'utf-16') {
      const whole = Buffer.allocUnsafe(bytes);
      const isSubagent = this.#isSubagent;
      this.#result = parseTranscript(whole.subarray(0, readFully(descriptor, whole, 0)), { isSubagent });
      return;
    }
    // The last line may still be being written: it is read as far as it goes, and again when the file has grown.
    this.#result = this.#reader.clone();
    this.#line(this.#result, rest, true);
  }

  /** Reads all complete lines, unless they are UTF-16. @returns the bytes behind the last one, null where there are none */
  #readLines(descriptor: number, end: number): LineBytes | 'utf-16' | null {
    const { skimmer, quick } = tools();
    const { buffer } = skimmer;
    let kept = 0;
    for (;;) {
      const position = this.#next.start + kept;
      const filled =
        kept + readFully(descriptor, buffer.subarray(kept, Math.min(capacity, kept + end - position)), position);
      if (position === 0 && utf16Of(buffer.subarray(0, filled)) !== null) return 'utf-16';
      if (filled === kept) return kept === 0 ? null : { pieces: [Buffer.from(buffer.subarray(0, kept))], length: kept };
      // A line that goes on behind what is there is looked at when all of it is.
      const used = buffer.lastIndexOf(lineFeed, filled - 1) + 1;
      if (used > 0) this.#readPiece(buffer.subarray(0, used), skimmer, quick);
      kept = filled - used;
      if (kept === capacity) {
        const rest = this.#readLongLine(descriptor, end);
        if (rest !== null) return rest;
        kept = 0;
      } else buffer.copyWithin(0, used, filled);
    }
  }

  /** @param piece complete lines */
  #readPiece(piece: Buffer, skimmer: LineSkimmer, quick: QuickReader): void {
    const isText = isUtf8(piece);
    let at = 0;
    while (at < piece.length) {
      const passes = this.#isOnce && isText && !this.#reader.isWaiting;
      if (passes) at = this.#passOver(at, piece.length, skimmer);
      let end = passes ? skimmer.end : skimmer.skim(at, piece.length);
      const isWhole = end >= 0 && end < piece.length;
      if (!isWhole) end = piece.indexOf(lineFeed, at);
      if (end < 0) break;
      const bytes = piece.subarray(at, end);
      const { start, line } = this.#next;
      const entry = isWhole && (isText || isUtf8(bytes)) ? quick.read() : null;
      if (entry === null || this.#source === null) {
        this.#line(this.#reader, { pieces: [bytes], length: bytes.length }, false);
      } else {
        const stored = new StoredEntry(entry, line, this.#source, start, bytes.length);
        const isTaken = this.#reader.plain(stored, entry.place);
        if (passes) {
          const counts = isTaken && entry.uuid !== null && !entry.isSidechain && entry.timestamp !== null;
          if (counts) skimmer.commitPlace(entry.type === 'assistant');
          else skimmer.invalidatePlace();
        } else if (this.#isOnce) skimmer.invalidatePlace();
      }
      this.#next = { start: start + bytes.length + 1, line: line + 1 };
      at = end + 1;
    }
    // Of a file that is read once nobody asks whether it is still there.
    if (!this.#isOnce) this.#tail = Buffer.from(piece.subarray(-tailBytes));
  }

  /** Passes over what the summary does without. @returns place of the next line */
  #passOver(at: number, filled: number, skimmer: LineSkimmer): number {
    const next = skimmer.passOver(at, filled, this.#reader.countsPrompts);
    const { passed } = skimmer;
    this.#reader.passed(passed);
    this.#next = { start: this.#next.start + next - at, line: this.#next.line + passed.lines };
    return next;
  }

  #line(reader: TranscriptReader, { pieces, length }: LineBytes, unfinished: boolean): void {
    const { start, line } = this.#next;
    if (length > longestLine) return reader.tooLong(length, line);
    const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    this.#at = { start, length };
    reader.bytes(bytes, line, unfinished);
    if (this.#isOnce) tools().skimmer.invalidatePlace();
  }

  /** Reads a line that is longer than the buffer. @returns the line where it is the last one and not complete */
  #readLongLine(descriptor: number, end: number): LineBytes | null {
    const { start, line } = this.#next;
    const long: LineBytes = { pieces: [], length: 0 };
    for (let position = start; position < end; ) {
      const piece = Buffer.allocUnsafe(Math.min(capacity, end - position));
      const filled = piece.subarray(0, readFully(descriptor, piece, position));
      if (filled.length === 0) break;
      const found = filled.indexOf(lineFeed);
      const part = found < 0 ? filled : filled.subarray(0, found);
      long.length += part.length;
      if (long.length > longestLine) long.pieces.length = 0;
      else long.pieces.push(part);
      if (found >= 0) {
        this.#line(this.#reader, long, false);
        this.#next = { start: start + long.length + 1, line: line + 1 };
        this.#tail = Buffer.from(filled.subarray(Math.max(0, found + 1 - tailBytes), found + 1));
        return null;
      }
      position += filled.length;
    }
    return long;
  }
}
