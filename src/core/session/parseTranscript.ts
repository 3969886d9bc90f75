import { parseLine } from './parseLine.ts';
import type { ParseProblem } from './recordedSession.ts';
import { readEntry, type TranscriptEntry } from './transcriptEntry.ts';

/** What could be read of a transcript, in file order, and what could not. */
export interface ParsedTranscript {
  entries: TranscriptEntry[];
  problems: ParseProblem[];
}

/** V8 makes no string longer than about 512 MB. */
const longestLine = 0x1fffffe8;

const lineFeed = 10;

/** Lines of a file as text. UTF-16 is recognised by its byte order mark; bytes that are no UTF-8 become U+FFFD. */
function* linesOf(
  bytes: Uint8Array,
  problems: ParseProblem[],
  maxLineBytes: number,
): Generator<{ text: string; line: number; unfinished: boolean }> {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;
  if (utf16 !== null) {
    const lines = new TextDecoder(utf16).decode(bytes).split('\n');
    for (const [index, text] of lines.entries())
      yield { text, line: index + 1, unfinished: index === lines.length - 1 };
    return;
  }
  const strict = new TextDecoder('utf-8', { fatal: true });
  const lenient = new TextDecoder('utf-8');
  for (let at = 0, line = 1; at < bytes.length; line += 1) {
    const found = bytes.indexOf(lineFeed, at);
    const end = found < 0 ? bytes.length : found;
    const slice = bytes.subarray(at, end);
    at = end + 1;
    if (slice.length > maxLineBytes) {
      problems.push({ line, kind: 'too_long', detail: `The line is ${slice.length} bytes long; it was skipped.` });
      continue;
    }
    let text: string;
    try {
      text = strict.decode(slice);
    } catch {
      text = lenient.decode(slice);
      problems.push({ line, kind: 'invalid_utf8', detail: 'Bytes that are no UTF-8 were replaced.' });
    }
    yield { text, line, unfinished: found < 0 };
  }
}

/**
 * Reads the bytes of a transcript. Never fails: what can't be understood is a problem in the result.
 * A record whose `uuid` came before is left out, so every message stands in `entries` once.
 */
export function parseTranscript(bytes: Uint8Array, maxLineBytes = longestLine): ParsedTranscript {
  const entries: TranscriptEntry[] = [];
  const problems: ParseProblem[] = [];
  const seen = new Set<string>();
  for (const { text, line, unfinished } of linesOf(bytes, problems, maxLineBytes)) {
    const parsed = parseLine(text, line, unfinished);
    problems.push(...parsed.problems);
    for (const record of parsed.records) {
      const { entry, problem } = readEntry(record, line);
      if (problem !== null) problems.push(problem);
      if (entry === null) continue;
      if (entry.uuid !== null && seen.has(entry.uuid)) {
        problems.push({
          line,
          kind: 'duplicate_uuid',
          detail: `Message ${entry.uuid} was written twice; the first one counts.`,
        });
        continue;
      }
      if (entry.uuid !== null) seen.add(entry.uuid);
      entries.push(entry);
    }
  }
  return { entries, problems };
}
