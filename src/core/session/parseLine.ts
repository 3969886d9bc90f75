import type { Json } from '../canonicalJson.ts';
import type { ParseProblem } from './recordedSession.ts';
import type { JsonRecord } from './transcriptEntry.ts';

/** What one line of a transcript held. */
export interface ParsedLine {
  records: JsonRecord[];
  problems: ParseProblem[];
}

/** Deeper values than this are refused: code that walks them would run out of stack. */
const maxDepth = 200;

function isObject(value: unknown): value is JsonRecord {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function tryParse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Whether a value nests deeper than `maxDepth`. Walks level by level, so that depth costs no stack. */
function isTooDeep(value: Json): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) return true;
    level = level.flatMap((item) =>
      item !== null && typeof item === 'object'
        ? Object.values(item).filter((member) => member !== null && typeof member === 'object')
        : [],
    );
  }
  return false;
}

/** Whether a text opens enough objects and arrays to nest too deep at all; spares most lines the walk. */
function mayBeDeep(text: string): boolean {
  let brace = text.indexOf('{');
  let bracket = text.indexOf('[');
  for (let openings = 0; brace >= 0 || bracket >= 0; openings += 1) {
    if (openings > maxDepth) return true;
    if (bracket < 0 || (brace >= 0 && brace < bracket)) brace = text.indexOf('{', brace + 1);
    else bracket = text.indexOf('[', bracket + 1);
  }
  return false;
}

/** End (exclusive) of the object that starts at `from`, or -1 where it never closes. */
function endOfObject(text: string, from: number): number {
  let depth = 0;
  let inString = false;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

// Content blocks inside a record open the same way as some records do, so what was found must also carry a record's marks.
const recordOpening = /\{"(?:parentUuid|type|uuid|sessionId|isSidechain|logicalParentUuid)":/g;

function looksLikeRecord(value: unknown): value is JsonRecord {
  return (
    isObject(value) &&
    typeof value.type === 'string' &&
    (typeof value.uuid === 'string' || typeof value.sessionId === 'string')
  );
}

/** Records that follow each other in one line without a line break: `}{`. Null unless the whole line is made of them. */
function joinedRecords(text: string): JsonRecord[] | null {
  const records: JsonRecord[] = [];
  for (let at = 0; at < text.length; ) {
    const end = endOfObject(text, at);
    const value = end < 0 ? undefined : tryParse(text.slice(at, end));
    if (!isObject(value)) return null;
    records.push(value);
    at = end;
    while (at < text.length && /\s/.test(text[at] ?? '')) at += 1;
  }
  return records;
}

/** Whole records inside a line whose beginning or end was lost when two writes ran into each other. */
function recordsWithin(text: string): JsonRecord[] {
  const records: JsonRecord[] = [];
  recordOpening.lastIndex = 0;
  let unclosed = 0;
  for (let found = recordOpening.exec(text); found !== null; found = recordOpening.exec(text)) {
    const end = endOfObject(text, found.index);
    if (end < 0) {
      // Each of these was searched to the end of the line: a hostile line must not make that quadratic.
      unclosed += 1;
      if (unclosed > 50) break;
      continue;
    }
    const value = tryParse(text.slice(found.index, end));
    if (!looksLikeRecord(value)) continue;
    records.push(value);
    recordOpening.lastIndex = end;
  }
  return records;
}

/**
 * Reads one line, and of a damaged one whatever is still whole. Never throws.
 * @param text the line without its line break
 * @param line its number, 1-based
 * @param unfinished true for the last line of a file that does not end with a line break: it may still be being written
 */
export function parseLine(text: string, line: number, unfinished = false): ParsedLine {
  const problems: ParseProblem[] = [];
  const note = (kind: ParseProblem['kind'], detail: string): void => void problems.push({ line, kind, detail });
  let source = text;
  if (source.includes('\0')) {
    source = source.replaceAll('\0', '');
    note('nul_bytes', 'NUL bytes were left out.');
  }
  source = source.trim();
  if (source === '') return { records: [], problems };
  const value = tryParse(source);
  if (value !== undefined) {
    if (!isObject(value)) note('not_an_object', 'The line holds no record; it was skipped.');
    else if (mayBeDeep(source) && isTooDeep(value))
      note('too_deep', `The record nests more than ${maxDepth} levels; it was skipped.`);
    else return { records: [value], problems };
    return { records: [], problems };
  }
  const joined = joinedRecords(source);
  if (joined !== null) {
    note('joined_records', `${joined.length} records stand in one line; all were read.`);
    return { records: joined.filter((record) => !isTooDeep(record)), problems };
  }
  const within = recordsWithin(source).filter((record) => !isTooDeep(record));
  if (within.length > 0)
    note('spliced_records', `The line was overwritten by another; ${within.length} record(s) of it were recovered.`);
  else if (unfinished) note('torn_line', 'The last line is not complete; it is read again when the file grows.');
  else note('invalid_json', 'The line is not valid JSON; it was skipped.');
  return { records: within, problems };
}
