import { decodeLine, longestLine, utf16Of } from './decodeLine.ts';
import { parseLine } from './parseLine.ts';
import type { ParseProblem } from './recordedSession.ts';
import { type PassedLines, type RecordPlace, SessionSummaryBuilder } from './sessionSummary.ts';
import { readEntry, type TranscriptEntry } from './transcriptEntry.ts';

/** What could be read of a transcript, in file order, and what could not. */
export interface ParsedTranscript {
  entries: TranscriptEntry[];
  problems: ParseProblem[];
  /** What the records say about the session as a whole. */
  summary: SessionSummaryBuilder;
}

const lineFeed = 10;

/** Which uuids came before, and whether with a record of the conversation itself, not of a subagent. */
export interface SeenUuids extends Iterable<[string, boolean]> {
  get(uuid: string): boolean | undefined;
  set(uuid: string, isMain: boolean): unknown;
}

/**
 * What is kept of a record that was read. `isPlain` says that its line holds this record alone, and nothing is wrong with it,
 * so that it can be read again from there. Null keeps nothing.
 */
export type Keep = (entry: TranscriptEntry, isPlain: boolean) => TranscriptEntry | null;

/** Takes the lines of one transcript in order. What it holds afterwards is the transcript. */
export class TranscriptReader implements ParsedTranscript {
  readonly entries: TranscriptEntry[] = [];
  readonly problems: ParseProblem[] = [];
  #summary: SessionSummaryBuilder;
  /**
   * Whether a record names a parent that did not come before it. Where none does, linking the records finds no problem.
   */
  hasLooseParents = false;
  readonly #keep: Keep;
  readonly #isSubagent: boolean;
  readonly #seen: SeenUuids;
  /** Beginning of a record that the line before broke off. */
  #head: string | null = null;

  constructor(isSubagent: boolean, keep: Keep = (entry) => entry, seen: SeenUuids = new Map<string, boolean>()) {
    this.#isSubagent = isSubagent;
    this.#keep = keep;
    this.#seen = seen;
    this.#summary = new SessionSummaryBuilder(isSubagent);
  }

  get summary(): SessionSummaryBuilder {
    this.#summary.resolveTitles((uuid) => this.#seen.get(uuid) !== undefined);
    return this.#summary;
  }

  /** A second one that goes on from here by itself. */
  clone(): TranscriptReader {
    const copy = new TranscriptReader(this.#isSubagent, this.#keep, new Map(this.#seen));
    for (const entry of this.entries) copy.entries.push(entry);
    for (const problem of this.problems) copy.problems.push(problem);
    copy.#summary = this.#summary.clone();
    copy.hasLooseParents = this.hasLooseParents;
    copy.#head = this.#head;
    return copy;
  }

  /** Whether the next line is read by itself: the one before has left nothing to go with it. */
  get isBetweenRecords(): boolean {
    return this.#head === null;
  }

  /** Takes over what another reader has read, all of it and nothing else. Only for a reader that has read nothing. */
  resume(read: Pick<TranscriptReader, 'entries' | 'problems' | 'summary' | 'hasLooseParents'>): void {
    for (const entry of read.entries) {
      this.entries.push(entry);
      if (entry.uuid !== null) this.#seen.set(entry.uuid, this.#isSubagent || !entry.isSidechain);
    }
    for (const problem of read.problems) this.problems.push(problem);
    this.#summary = read.summary;
    this.hasLooseParents = read.hasLooseParents;
  }

  note(line: number, kind: ParseProblem['kind'], detail: string): void {
    this.problems.push({ line, kind, detail });
  }

  /** A line that was not read. */
  tooLong(bytes: number, line: number): void {
    this.#head = null;
    this.note(line, 'too_long', `The line is ${bytes} bytes long; it was skipped.`);
  }

  /** A line as it stands in the file, without its line break. */
  bytes(bytes: Uint8Array, line: number, unfinished: boolean): void {
    const { text, invalid } = decodeLine(bytes, unfinished);
    if (invalid) this.note(line, 'invalid_utf8', 'Bytes that are no UTF-8 were replaced.');
    this.text(text, line, unfinished, !invalid);
  }

  text(text: string, line: number, unfinished: boolean, isClean = true): void {
    const { records, problems, head } = parseLine(text, line, unfinished, this.#head);
    this.#head = head;
    this.problems.push(...problems);
    for (const record of records) {
      const { entry, problem } = readEntry(record, line);
      if (problem !== null) this.problems.push(problem);
      if (entry !== null) this.#take(entry, isClean && problems.length === 0 && records.length === 1);
    }
  }

  /** Whether the next line says what the one before is, so that it must be read. */
  get isWaiting(): boolean {
    return this.#summary.isWaiting;
  }

  /** Whether of the next prompt only counts that it is there. */
  get countsPrompts(): boolean {
    return this.#summary.countsPrompts;
  }

  /** Lines that were not read, because nothing is wrong with them and nothing new stands in them. */
  passed(lines: PassedLines): void {
    if (lines.lines === 0) return;
    this.#head = null;
    this.#summary.pass(lines);
  }

  /**
   * A line whose record was read without parsing all of it: nothing is wrong with it.
   * @returns false where its `uuid` came before, so that it does not count
   */
  plain(entry: TranscriptEntry, place: RecordPlace): boolean {
    this.#head = null;
    return this.#take(entry, true, place);
  }

  #take(entry: TranscriptEntry, isPlain: boolean, place?: RecordPlace): boolean {
    const { uuid, line } = entry;
    if (uuid !== null) {
      if (this.#seen.get(uuid) !== undefined) {
        this.note(line, 'duplicate_uuid', `Message ${uuid} was written twice; the first one counts.`);
        return false;
      }
      const isMain = this.#isSubagent || !entry.isSidechain;
      const named = entry.parentUuid ?? entry.facts.logicalParent;
      if (isMain && named !== null && this.#seen.get(named) !== true) this.hasLooseParents = true;
      this.#seen.set(uuid, isMain);
    }
    this.#summary.add(entry, place);
    const kept = this.#keep(entry, isPlain);
    if (kept !== null) this.entries.push(kept);
    return true;
  }
}

/**
 * Reads the bytes of a transcript. Never fails: what can't be understood is a problem in the result.
 * A record whose `uuid` came before is left out, so every message stands in `entries` once.
 * UTF-16 is recognised by its byte order mark or its first brace; bytes that are no UTF-8 become U+FFFD.
 */
export function parseTranscript(
  bytes: Uint8Array,
  { maxLineBytes = longestLine, isSubagent = false } = {},
): TranscriptReader {
  const reader = new TranscriptReader(isSubagent);
  const encoding = utf16Of(bytes);
  if (encoding !== null) {
    const lines = new TextDecoder(encoding).decode(bytes).split('\n');
    for (const [index, text] of lines.entries()) reader.text(text, index + 1, index === lines.length - 1);
    return reader;
  }
  for (let at = 0, line = 1; at < bytes.length; line += 1) {
    const found = bytes.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found;
    if (end - at > maxLineBytes) reader.tooLong(end - at, line);
    else reader.bytes(bytes.subarray(at, end), line, found < 0);
    at = end + 1;
  }
  return reader;
}
