import { decodeLine, utf16Of } from './decodeLine.ts';
import { parseLine } from './parseLine.ts';
import type { ParseProblem } from './recordedSession.ts';
import { SessionSummaryBuilder } from './sessionSummary.ts';
import { readEntry, type TranscriptEntry } from './transcriptEntry.ts';

/** What could be read of a transcript, in file order, and what could not. */
export interface ParsedTranscript {
  entries: TranscriptEntry[];
  problems: ParseProblem[];
  /** What the records say about the session as a whole. */
  summary: SessionSummaryBuilder;
}

/** V8 makes no string longer than about 512 MB. */
const longestLine = 0x1fffffe8;

const lineFeed = 10;

/** Takes the lines of one transcript in order. What it holds afterwards is the transcript. */
class TranscriptReader implements ParsedTranscript {
  readonly entries: TranscriptEntry[] = [];
  readonly problems: ParseProblem[] = [];
  readonly summary: SessionSummaryBuilder;
  readonly #seen = new Set<string>();
  /** Beginning of a record that the line before broke off. */
  #head: string | null = null;

  constructor(isSubagent: boolean) {
    this.summary = new SessionSummaryBuilder(isSubagent);
  }

  note(line: number, kind: ParseProblem['kind'], detail: string): void {
    this.problems.push({ line, kind, detail });
  }

  bytes(bytes: Uint8Array, line: number, unfinished: boolean, maxLineBytes: number): void {
    if (bytes.length > maxLineBytes) {
      this.#head = null;
      this.note(line, 'too_long', `The line is ${bytes.length} bytes long; it was skipped.`);
      return;
    }
    const { text, invalid } = decodeLine(bytes, unfinished);
    if (invalid) this.note(line, 'invalid_utf8', 'Bytes that are no UTF-8 were replaced.');
    this.text(text, line, unfinished);
  }

  text(text: string, line: number, unfinished: boolean): void {
    const { records, problems, head } = parseLine(text, line, unfinished, this.#head);
    this.#head = head;
    this.problems.push(...problems);
    for (const record of records) {
      const { entry, problem } = readEntry(record, line);
      if (problem !== null) this.problems.push(problem);
      if (entry !== null) this.#take(entry);
    }
  }

  #take(entry: TranscriptEntry): void {
    const { uuid, line } = entry;
    if (uuid !== null && this.#seen.has(uuid)) {
      this.note(line, 'duplicate_uuid', `Message ${uuid} was written twice; the first one counts.`);
      return;
    }
    if (uuid !== null) this.#seen.add(uuid);
    this.entries.push(entry);
    this.summary.add(entry);
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
): ParsedTranscript {
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
    reader.bytes(bytes.subarray(at, end), line, found < 0, maxLineBytes);
    at = end + 1;
  }
  return reader;
}
