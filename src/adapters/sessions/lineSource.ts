import { closeSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { NotFoundError } from '../../core/errors.ts';
import type { EntryFacts } from '../../core/session/entryFacts.ts';
import { type JsonRecord, parseRecord } from '../../core/session/jsonRecord.ts';
import {
  type EntryMessage,
  holdsMessage,
  messageOf,
  type TranscriptEntry,
} from '../../core/session/transcriptEntry.ts';
import { openPlainFileSync, readFully } from '../plainFiles.ts';

/** Bytes of lines whose records are kept: what is asked for again is mostly what was asked for last. */
const keptBytes = 8 * 1024 * 1024;
/** Longer lines get memory of their own. */
const sharedBytes = 1024 * 1024;
/** An open file would keep a deleted one's space; nobody asks for long. */
const idleMs = 2000;

/** What to throw where a file no longer holds what was read of it. @param cause that error itself where it is one of these */
export function changedWhileRead(file: string, cause?: unknown): NotFoundError {
  return cause instanceof NotFoundError
    ? cause
    : new NotFoundError(
        `The session's file was deleted or replaced while it was being read: ${file}.`,
        'Open the session again.',
        undefined,
        { cause },
      );
}

/** The text of a line; some editors put a mark before the first one, and each of several its own. */
function textOf(line: Buffer): string {
  return line.toString('utf8').trimStart();
}

/** Reads single lines of a transcript again, whose places were noted when it was scanned. */
export class LineSource {
  readonly #file: string;
  readonly #inode: number;
  /** Made when first needed: of most transcripts no record is asked for. */
  #kept: LRUCache<number, JsonRecord> | null = null;
  #descriptor: number | null = null;
  #closing: NodeJS.Timeout | null = null;
  /** What is read into it is a record before anything else is read. */
  #shared: Buffer | null = null;

  /** @param inode of the file that was scanned: another one of that name is another session */
  constructor(file: string, inode: number) {
    this.#file = file;
    this.#inode = inode;
  }

  /** @throws NotFoundError where the file is gone or is not what was scanned */
  record(start: number, length: number): JsonRecord {
    this.#kept ??= new LRUCache({ maxSize: keptBytes });
    const kept = this.#kept.get(start);
    if (kept !== undefined) return kept;
    const record = this.recordOnce(start, length);
    // One that is larger than all that is kept is kept alone: it is asked for several times in a row.
    this.#kept.set(start, record, { size: Math.min(length, keptBytes) });
    return record;
  }

  /** As `record`, but not kept: for who reads many and each once. */
  recordOnce(start: number, length: number): JsonRecord {
    const record = parseRecord(textOf(this.#read(start, length)));
    if (record === null) throw changedWhileRead(this.#file);
    return record;
  }

  #read(start: number, length: number): Buffer {
    this.#closing?.refresh();
    try {
      this.#descriptor ??= this.#open();
      const buffer =
        length > sharedBytes
          ? Buffer.allocUnsafe(length)
          : (this.#shared ??= Buffer.allocUnsafeSlow(sharedBytes)).subarray(0, length);
      if (readFully(this.#descriptor, buffer, start) === length) return buffer;
    } catch (error) {
      throw changedWhileRead(this.#file, error);
    }
    throw changedWhileRead(this.#file);
  }

  #open(): number {
    const { descriptor, stats } = openPlainFileSync(this.#file);
    if (stats.ino === this.#inode) {
      this.#closing = setTimeout(() => this.close(), idleMs).unref();
      return descriptor;
    }
    closeSync(descriptor);
    throw changedWhileRead(this.#file);
  }

  /** Gives back the file and what was kept of it; reading on opens it again. */
  close(): void {
    if (this.#closing !== null) clearTimeout(this.#closing);
    this.#closing = null;
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#shared = null;
    this.#kept = null;
  }
}

/** A record that stays on disk: its outline is in memory, its contents are read when asked for. */
export class StoredEntry implements TranscriptEntry {
  readonly line: number;
  readonly type: string;
  readonly uuid: string | null;
  readonly parentUuid: string | null;
  readonly timestamp: string | null;
  readonly isSidechain: boolean;
  readonly facts: EntryFacts;
  readonly #source: LineSource;
  readonly #start: number;
  readonly #length: number;

  /** @param start where the line begins in the file @param length in bytes, without the line break */
  constructor(
    outline: Omit<TranscriptEntry, 'record' | 'message' | 'line'>,
    line: number,
    source: LineSource,
    start: number,
    length: number,
  ) {
    this.line = line;
    this.type = outline.type;
    this.uuid = outline.uuid;
    this.parentUuid = outline.parentUuid;
    this.timestamp = outline.timestamp;
    this.isSidechain = outline.isSidechain;
    this.facts = outline.facts;
    this.#source = source;
    this.#start = start;
    this.#length = length;
  }

  /** Where the record's line stands in the file, in bytes. */
  get place(): { start: number; length: number } {
    return { start: this.#start, length: this.#length };
  }

  get record(): JsonRecord {
    return this.#source.record(this.#start, this.#length);
  }

  get message(): EntryMessage | null {
    return holdsMessage(this) ? messageOf(this.type, this.record).message : null;
  }
}
