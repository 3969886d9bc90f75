import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseLine } from '../../core/session/parseLine.ts';
import { parseTranscript } from '../../core/session/parseTranscript.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { SessionSummaryBuilder } from '../../core/session/sessionSummary.ts';
import { readEntry, type TranscriptEntry } from '../../core/session/transcriptEntry.ts';
import { openPlainFile, sessionIdOf } from './projectFiles.ts';
import { customTitleOf } from './sessionFiles.ts';

const pieceBytes = 512 * 1024;
const lineFeed = 10;
const carriageReturn = 13;
const openBrace = 123;
const closeBrace = 125;
const headBytes = 1024;
const longestLine = 0x1fffffe8;

const chained = Buffer.from('{"parentUuid":');
const uuidKey = Buffer.from('"uuid":');
const userType = Buffer.from('"type":"user"');
const messageKey = Buffer.from('"message":{');
/** Unchained records that hold nothing of a summary, by how their line begins. */
const irrelevant = [
  'api-request"',
  'api-request-blob"',
  'api-request-shape"',
  'api-request-resumed"',
  'atis-latch"',
  'file-history-snapshot"',
  'file-history-delta"',
  'last-prompt"',
  'mode"',
  'permission-mode"',
  'queue-operation"',
  'tools-used"',
].map((type) => Buffer.from(`{"type":"${type}`));

// What stands before the part that tells: scalars only, in any order.
const scalars = String.raw`(?:"\w+":(?:"(?:[^"\\]|\\.)*"|true|false|null|-?[\d.]+),)*`;
const replyHead = new RegExp(
  String.raw`^\{"parentUuid":(?:null|"[^"\\]*"),"isSidechain":false,${scalars}"message":\{${scalars}"model":"([^"\\]+)"`,
);
const attachmentHead = new RegExp(
  String.raw`^\{"parentUuid":(?:null|"[^"\\]*"),"isSidechain":false,${scalars}"attachment":\{`,
);
const resultHead = new RegExp(
  String.raw`^\{"parentUuid":(?:null|"[^"\\]*"),"isSidechain":false,${scalars}"message":\{"role":"user","content":\[\{"(?:tool_use_id":|type":"tool_result")`,
);

/** One line of a file without its line break. The bytes are only valid until the next line is asked for. */
interface Line {
  bytes: Buffer;
  /** Where it begins in the file. */
  start: number;
  unfinished: boolean;
}

/** Looks at the lines of one file and parses only those that say something about the session as a whole. */
class QuickSummary {
  readonly builder = new SessionSummaryBuilder();
  problems = 0;
  /** The last chained line, where it was not parsed: time and place of the session's end stand there. */
  unplaced: { start: number; length: number } | null = null;
  readonly #seen = new Set<string>();
  #line = 0;
  #placed = false;

  add({ bytes, start, unfinished }: Line): void {
    this.#line += 1;
    const line = bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
    if (line.length === 0) return;
    if (this.#skip(line, start)) return;
    this.#parse(line, unfinished);
  }

  /** Takes time and place of the line that `unplaced` names. */
  place(bytes: Buffer): void {
    for (const record of parseLine(bytes.toString('utf8'), this.#line).records) {
      const { entry } = readEntry(record, this.#line);
      if (entry !== null) this.builder.addPlace(entry);
    }
  }

  /** True where the line is whole and all that a summary needs of it stands at its beginning. */
  #skip(line: Buffer, start: number): boolean {
    if (line[0] !== openBrace || line.at(-1) !== closeBrace) return false;
    // The keys of a second record mean that two writes ran into each other: such a line is read with care. Inside strings
    // quotes are escaped, so text can't look like them.
    if (!startsWith(line, chained)) {
      return irrelevant.some((beginning) => startsWith(line, beginning)) && !line.includes(uuidKey);
    }
    // The first chained line says where the session began.
    if (!this.#placed) return false;
    const head = line.toString('latin1', 0, headBytes);
    const model = replyHead.exec(head)?.[1];
    if (model !== undefined || attachmentHead.test(head)) {
      if (line.includes(userType)) return false;
      if (model !== undefined) this.builder.addReply(model);
    } else {
      const result = resultHead.exec(head)?.[0];
      if (result === undefined || line.includes(messageKey, result.length)) return false;
      this.builder.addOther();
    }
    this.unplaced = { start, length: line.length };
    return true;
  }

  #parse(line: Buffer, unfinished: boolean): void {
    if (line.length > longestLine) {
      this.problems += 1;
      return;
    }
    const parsed = parseLine(line.toString('utf8').replace(/^\uFEFF/, ''), this.#line, unfinished);
    this.problems += parsed.problems.length;
    for (const record of parsed.records) {
      const { entry, problem } = readEntry(record, this.#line);
      if (problem !== null) this.problems += 1;
      if (entry !== null) this.#take(entry);
    }
  }

  #take(entry: TranscriptEntry): void {
    if (entry.uuid !== null) {
      if (this.#seen.has(entry.uuid)) {
        this.problems += 1;
        return;
      }
      this.#seen.add(entry.uuid);
      if (!entry.isSidechain) {
        this.#placed = true;
        this.unplaced = null;
      }
    }
    this.builder.add(entry);
  }
}

function startsWith(line: Buffer, beginning: Buffer): boolean {
  return line.length >= beginning.length && beginning.compare(line, 0, beginning.length) === 0;
}

/** Lines of a file, read piece by piece: memory stays at one piece and one line. */
async function* linesOf(handle: FileHandle): AsyncGenerator<Line[], void> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let rest: Buffer[] = [];
  let position = 0;
  let start = 0;
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, pieceBytes, position);
    if (bytesRead === 0) break;
    const filled = piece.subarray(0, bytesRead);
    const lines: Line[] = [];
    let at = 0;
    for (let end = filled.indexOf(lineFeed); end >= 0; end = filled.indexOf(lineFeed, at)) {
      const part = filled.subarray(at, end);
      lines.push({ bytes: rest.length === 0 ? part : Buffer.concat([...rest, part]), start, unfinished: false });
      rest = [];
      at = end + 1;
      start = position + at;
    }
    if (at < filled.length) rest.push(Buffer.from(filled.subarray(at)));
    position += bytesRead;
    yield lines;
  }
  if (rest.length > 0) yield [{ bytes: Buffer.concat(rest), start, unfinished: true }];
}

async function isUtf16(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && ((buffer[0] === 0xff && buffer[1] === 0xfe) || (buffer[0] === 0xfe && buffer[1] === 0xff));
}

async function summarizeWhole(handle: FileHandle): Promise<{ builder: SessionSummaryBuilder; problems: number }> {
  const { entries, problems } = parseTranscript(await handle.readFile());
  const builder = new SessionSummaryBuilder();
  for (const entry of entries) builder.add(entry);
  return { builder, problems: problems.length };
}

async function summarizeQuickly(handle: FileHandle): Promise<{ builder: SessionSummaryBuilder; problems: number }> {
  const quick = new QuickSummary();
  for await (const lines of linesOf(handle)) for (const line of lines) quick.add(line);
  if (quick.unplaced !== null) {
    const { start, length } = quick.unplaced;
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, start);
    quick.place(buffer.subarray(0, bytesRead));
  }
  return quick;
}

/**
 * Summary of a transcript, read once from beginning to end without keeping it. The number of turns is that of a whole
 * parse; `problems` counts what was met on the way, so damage inside records that no summary needs is not in it.
 * @returns null where the file holds nothing to list: no message and no damage
 * @throws the file system's error where the file can't be read
 */
export async function summarizeTranscript(file: string): Promise<SessionSummary | null> {
  const sessionId = sessionIdOf(basename(file)) ?? basename(file, '.jsonl');
  const handle = await openPlainFile(file);
  try {
    const { size: bytes, mtime } = await handle.stat();
    const { builder, problems } = (await isUtf16(handle))
      ? await summarizeWhole(handle)
      : await summarizeQuickly(handle);
    if (builder.isEmpty && problems === 0) return null;
    return builder.build({
      sessionId,
      file,
      bytes,
      problems,
      modifiedAt: mtime.toISOString(),
      customTitle: await customTitleOf(join(dirname(file), sessionId)),
    });
  } finally {
    await handle.close();
  }
}
