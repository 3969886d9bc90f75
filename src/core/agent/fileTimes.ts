import { absolutePath } from '../files/filePaths.ts';
import { editTools } from '../files/recordedEdit.ts';
import { decodeText } from '../files/textForm.ts';
import { type JsonRecord, numberField, parseRecord, recordField, textField } from '../session/jsonRecord.ts';

/** A recorded read or write of a file. */
export interface FileTouch {
  /** Milliseconds since the epoch. */
  at: number;
  /** What was read, from a line (1-based) on; null where the file was written, or holds no text. */
  read: { line: number; text: string } | null;
  isRead: boolean;
}

/** When a session's files were read and written, as its records say. */
export interface FileTimes {
  /** By absolute path, in order. */
  touches: ReadonlyMap<string, readonly FileTouch[]>;
  /** Time of the last record, in milliseconds since the epoch; null where none is recorded. */
  until: number | null;
}

const readers: ReadonlySet<string> = new Set(['Read', 'NotebookRead']);

/**
 * Goes through the lines that a branch's session is made of.
 * @param lines records in order, each the JSON text of one line
 */
export function fileTimes(lines: readonly string[]): FileTimes {
  const touches = new Map<string, FileTouch[]>();
  const calls = new Map<string, { path: string; isRead: boolean }>();
  let until: number | null = null;
  for (const line of lines) {
    const record = parseRecord(line);
    const at = Date.parse(textField(record, 'timestamp') ?? '');
    if (record === null || Number.isNaN(at)) continue;
    until = Math.max(until ?? at, at);
    for (const block of blocksOf(record)) {
      if (block.type === 'tool_use') noteCall(block, record, calls);
      if (block.type !== 'tool_result' || block.is_error === true) continue;
      const call = calls.get(textField(block, 'tool_use_id') ?? '');
      const result = recordField(record, 'toolUseResult');
      // A file that was said to be as before was not read.
      if (call === undefined || textField(result, 'type') === 'file_unchanged') continue;
      const read = call.isRead ? readPart(result) : null;
      const known = touches.get(call.path) ?? [];
      known.push({ at, read, isRead: call.isRead });
      touches.set(call.path, known);
    }
  }
  return { touches, until };
}

/**
 * Since when a file has held these bytes, as far as is recorded. Claude Code takes a file for changed that is newer than the result of its last
 * read, and refuses an edit then (2.1.200) or warns of it (2.1.329); of files that it wrote itself it asks for no time.
 * @returns milliseconds since the epoch; null where nothing is recorded, or something else was read last
 */
export function unchangedSince(bytes: Uint8Array, touches: readonly FileTouch[] = []): number | null {
  let since: number | null = null;
  // Decoded once, and only where it was read: it may be large.
  let lines: string[] | null = null;
  for (const touch of touches.toReversed()) {
    if (touch.isRead && touch.read !== null) {
      lines ??= decodeText(bytes).text.split('\n');
      if (!holds(lines, touch.read)) break;
    }
    since = touch.at;
    if (!touch.isRead) break;
  }
  return since;
}

function blocksOf(record: JsonRecord): JsonRecord[] {
  const content = recordField(record, 'message')?.content;
  if (!Array.isArray(content)) return [];
  return content.filter(
    (block): block is JsonRecord => block !== null && typeof block === 'object' && !Array.isArray(block),
  );
}

function noteCall(block: JsonRecord, record: JsonRecord, calls: Map<string, { path: string; isRead: boolean }>): void {
  const name = textField(block, 'name') ?? '';
  if (!readers.has(name) && !editTools.has(name)) return;
  const input = recordField(block, 'input');
  const named = textField(input, 'file_path') ?? textField(input, 'notebook_path');
  const path = named === null ? null : absolutePath(textField(record, 'cwd'), named);
  if (path !== null) calls.set(textField(block, 'id') ?? '', { path, isRead: readers.has(name) });
}

function readPart(result: JsonRecord | null): FileTouch['read'] {
  const file = textField(result, 'type') === 'text' ? recordField(result, 'file') : null;
  return typeof file?.content === 'string' ? { line: numberField(file, 'startLine') ?? 1, text: file.content } : null;
}

function holds(all: readonly string[], read: NonNullable<FileTouch['read']>): boolean {
  const plain = (text: string) => text.replace(/^\uFEFF/, '').trimEnd();
  const lines = read.text.replaceAll('\r\n', '\n').split('\n');
  const there = all.slice(read.line - 1, read.line - 1 + lines.length);
  return plain(there.join('\n')) === plain(lines.join('\n'));
}
