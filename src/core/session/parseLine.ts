import type { Json } from '../canonicalJson.ts';
import { type JsonRecord, recordField } from './jsonRecord.ts';
import type { ParseProblem } from './recordedSession.ts';
import { recoverLine } from './recoverLine.ts';

/** What one line of a transcript held. */
export interface ParsedLine {
  records: JsonRecord[];
  problems: ParseProblem[];
  /** The beginning of a record that breaks off with this line; `parseLine` of the next line takes it. */
  head: string | null;
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

/** A copy without what nests deeper than `levels`: null stands there. */
function pruned(value: Json, levels: number): Json {
  if (value === null || typeof value !== 'object') return value;
  if (levels === 0) return null;
  if (Array.isArray(value)) return value.map((item) => pruned(item, levels - 1));
  const copy: JsonRecord = {};
  for (const [key, member] of Object.entries(value)) {
    // An assignment to `__proto__` would set the prototype.
    Object.defineProperty(copy, key, {
      value: pruned(member, levels - 1),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return copy;
}

/** Collects what one line held. */
class LineReader {
  readonly line: ParsedLine = { records: [], problems: [], head: null };

  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  note(kind: ParseProblem['kind'], detail: string): void {
    this.line.problems.push({ line: this.#number, kind, detail });
  }

  add(record: JsonRecord): void {
    const tooDeep = isTooDeep(record);
    if (tooDeep) this.note('too_deep', `The record nests more than ${maxDepth} levels; what lies deeper was left out.`);
    this.push(tooDeep ? (pruned(record, maxDepth) as JsonRecord) : record);
  }

  /** A message whose record has lost its type has it from its role. */
  push(record: JsonRecord): void {
    const role = typeof record.type === 'string' ? null : recordField(record, 'message')?.role;
    if (role !== 'user' && role !== 'assistant') {
      this.line.records.push(record);
      return;
    }
    this.note('partial', `The record has no type; its message is one of the ${role}.`);
    this.line.records.push({ ...record, type: role });
  }

  whole(text: string): boolean {
    const value = tryParse(text);
    // A list holds no record by itself, but records may have been put into one.
    if (value === undefined || (Array.isArray(value) && value.some(isObject))) return false;
    if (!isObject(value)) this.note('not_an_object', 'The line holds no record; it was skipped.');
    else if (mayBeDeep(text)) this.add(value);
    else this.push(value);
    return true;
  }

  /** A line whose only fault are control characters, for which JSON has no place inside a text. */
  withoutControls(text: string): boolean {
    const clean = text.replace(/[\u0001-\u001f]/g, '');
    if (clean === text || !this.whole(clean)) return false;
    this.note('partial', 'Control characters inside the record were left out.');
    return true;
  }

  broken(text: string, unfinished: boolean, carried: string | null): void {
    const found = recoverLine(text, !unfinished, carried);
    for (const record of found.records) this.add(record);
    this.line.head = found.head;
    const notes = found.notes.length === 0 ? '' : ` ${sentenceOf(found.notes)}`;
    if (unfinished && found.endsOpen)
      this.note('torn_line', 'The last line is not complete; it is read again when the file grows.');
    else if (found.notes.length === 1 && found.whole > 1)
      this.note('joined_records', `${found.whole} records stand in one line; all were read.`);
    else if (found.whole > 0) this.note('spliced_records', `Another write runs into this line.${notes}`);
    else if (found.records.length > 0) this.note('partial', `The line is damaged.${notes}`);
    else this.note('invalid_json', `The line is not valid JSON; it was skipped.${notes}`);
  }
}

function sentenceOf(notes: readonly string[]): string {
  const text = notes.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/**
 * Reads one line, and of a damaged one whatever is still there. Never throws, and costs no more than the line is long.
 * @param text the line without its line break
 * @param line its number, 1-based
 * @param unfinished true for the last line of a file that does not end with a line break: it may still be being written
 * @param carried `head` of the line before: where two writes ran into each other, a record may end one line further on
 */
export function parseLine(text: string, line: number, unfinished = false, carried: string | null = null): ParsedLine {
  const reader = new LineReader(line);
  let source = text;
  if (source.includes('\0')) {
    source = source.replaceAll('\0', '');
    reader.note('nul_bytes', 'NUL bytes were left out.');
  }
  const trimmed = source.trim();
  if (trimmed === '' || reader.whole(trimmed) || reader.withoutControls(trimmed)) return reader.line;
  // Where a line broke inside a text, spaces at the break belong to it.
  reader.broken(source.replace(/\r$/, ''), unfinished, carried);
  return reader.line;
}
