import { oneLine, plural } from '../format.ts';
import { closedHead, type Piece, piecesOf } from './brokenLine.ts';
import { type JsonRecord, parseRecord, recordField, textField } from './jsonRecord.ts';
import { mendRecord } from './mendRecord.ts';

/** What was read out of a line that is no JSON. */
export interface RecoveredLine {
  /** Records that stand whole in the line, and those of which a part is missing, in order. */
  records: JsonRecord[];
  /** How many of them stand whole in the line. */
  whole: number;
  /** What became of the rest, in words. */
  notes: string[];
  /** The beginning of a record that broke off and was not recovered: the next line may hold its end. */
  head: string | null;
  /** True where the line ends with something that may still be being written. */
  endsOpen: boolean;
}

interface RecordPart {
  kind: 'record';
  start: number;
  end: number;
  record: JsonRecord;
}
type Part = RecordPart | { kind: 'head' | 'rest'; start: number; end: number };

/** Stands for the parent where its id can't be read: file order takes its place, and a problem says so. */
const unreadableParent = '(unreadable)';
/** Longest beginning of a lost text that is reported. */
const excerptLength = 160;
/** Beginnings that a record without its own may have, and ends that one without its end may have: as many are tried. */
const maxTries = 20;
/** Pieces of one line that are reported one by one. */
const maxNotes = 6;

/** Parts of messages, which begin as records do. */
const blockTypes: ReadonlySet<string> = new Set([
  'text',
  'thinking',
  'redacted_thinking',
  'tool_use',
  'tool_result',
  'tool_reference',
  'image',
  'document',
  'base64',
  'ephemeral',
  'message',
]);

/**
 * Parts of a record look much like one; only records carry these. A subagent's messages inside a record of its progress have
 * ids, too, but no place in the session.
 */
function carriesMarks({ uuid, parentUuid, sessionId, leafUuid }: JsonRecord): boolean {
  const isChained = typeof uuid === 'string' && parentUuid !== undefined;
  return isChained || typeof sessionId === 'string' || typeof leafUuid === 'string';
}

/** The whole records of a line. What begins or ends with the line, or follows a record, needs no marks to be one. */
function wholeRecords(text: string, pieces: readonly Piece[]): RecordPart[] {
  const found: RecordPart[] = [];
  let anchor = 0;
  const { length } = text.trimEnd();
  for (const { kind, start, end } of pieces) {
    if (kind !== 'object') continue;
    const record = parseRecord(text.slice(start, end));
    if (record === null || typeof record.type !== 'string') continue;
    const anchored = text.slice(anchor, start).trim() === '' || end === length;
    if (!carriesMarks(record) && (!anchored || blockTypes.has(record.type))) continue;
    found.push({ kind: 'record', start, end, record });
    anchor = end;
  }
  return found;
}

/** The line as records, beginnings of records, and what is left between these. */
function partsOf(text: string): Part[] {
  const pieces = piecesOf(text);
  const records = wholeRecords(text, pieces);
  const heads = pieces
    .filter(({ kind }) => kind === 'head')
    .map(({ start, end }) => ({ kind: 'head', start, end }) as const);
  const parts: Part[] = [];
  let at = 0;
  for (const part of [...records, ...heads].sort((a, b) => a.start - b.start)) {
    addRest(parts, text, at, part.start);
    parts.push(part);
    at = part.end;
  }
  addRest(parts, text, at, text.length);
  return parts;
}

function addRest(parts: Part[], text: string, start: number, end: number): void {
  if (/[^\s,]/.test(text.slice(start, end))) parts.push({ kind: 'rest', start, end });
}

const rootKey = /"(?:isSidechain|promptId|agentId|type|message|uuid)":/g;

/** A record whose beginning is lost, from its first member that is whole. */
function tailRecord(text: string): JsonRecord | null {
  rootKey.lastIndex = 0;
  const end = text.trimEnd().replace(/,$/, '');
  for (let tries = 0; tries < maxTries; tries += 1) {
    const found = rootKey.exec(end);
    if (found === null) return null;
    const record = parseRecord(`{${end.slice(found.index)}`);
    if (record !== null && typeof record.type === 'string' && typeof record.uuid === 'string') {
      return record.parentUuid === undefined ? { ...record, parentUuid: unreadableParent } : record;
    }
  }
  return null;
}

/** What a person would read in a broken piece: the text of its message, else its beginning as it stands. */
function excerptOf(text: string): string {
  const record = text.startsWith('{') ? parseRecord(closedHead(text)) : null;
  const content = recordField(record, 'message')?.content;
  const blocks = Array.isArray(content) ? content : [];
  const texts = blocks.flatMap((block) => textField(block as JsonRecord | null, 'text') ?? []);
  return oneLine(typeof content === 'string' ? content : texts.join(' ') || text, excerptLength);
}

/** Puts the parts of one broken line together again, as far as they go. */
class LineRecovery {
  readonly result: RecoveredLine = { records: [], whole: 0, notes: [], head: null, endsOpen: false };
  /** The last beginning of a record that no end was found for. */
  #head: { text: string; start: number; end: number } | null = null;
  #joins = 0;
  #recordsEnd = 0;
  #mendedUpTo = 0;
  #unnoted = 0;

  constructor(
    private readonly text: string,
    /** False for a line that may still be being written: what is not whole is left for later. */
    private readonly finished: boolean,
  ) {}

  run(parts: readonly Part[], carried: string | null): RecoveredLine {
    const first = parts[0];
    if (carried !== null && first?.kind === 'rest') this.#head = { text: carried, start: -1, end: -1 };
    for (const [index, part] of parts.entries()) {
      if (part.kind === 'record') this.#take(part, parts[index + 1]);
      else if (part.kind === 'head') this.#open(part);
      else this.#rest(part);
    }
    this.result.endsOpen = parts.at(-1)?.kind !== 'record';
    this.#giveUp(true);
    const { whole, notes } = this.result;
    if (this.#unnoted > 0) notes.push(`${this.#unnoted} more pieces like these`);
    if (whole > 0) notes.unshift(`${plural(whole, 'record')} of it ${whole === 1 ? 'was' : 'were'} recovered whole`);
    return this.result;
  }

  #take({ record, start, end }: RecordPart, next: Part | undefined): void {
    this.#recordsEnd = end;
    // A bracket too many ends a message before its id comes.
    const endsEarly = record.parentUuid !== undefined && record.uuid === undefined;
    if (endsEarly && next?.kind === 'rest' && next.start === end && this.finished) {
      const longer = mendRecord(this.text.slice(start, next.end));
      if (typeof longer?.uuid === 'string') {
        this.#mendedUpTo = next.end;
        return this.#keep(longer, `${nameOf(longer)} was mended where it is damaged`);
      }
    }
    this.result.whole += 1;
    this.result.records.push(record);
  }

  #keep(record: JsonRecord, note: string): void {
    this.result.records.push(record);
    this.#note(note);
  }

  #open({ start, end }: Part): void {
    this.#giveUp(false);
    this.#head = { text: this.text.slice(start, end), start, end };
  }

  #rest({ start, end }: Part): void {
    if (end <= this.#mendedUpTo) return;
    const text = this.text.slice(start, end);
    const head = this.#head;
    if (head !== null) {
      const whole = this.#joins++ < maxTries ? parseRecord(head.text + text) : null;
      const broken =
        whole !== null || head.end !== start || !this.finished ? null : mendRecord(this.text.slice(head.start, end));
      if (whole !== null && typeof whole.type === 'string') {
        this.#head = null;
        return this.#keep(whole, `${nameOf(whole)} was put together from its two ends`);
      }
      if (broken !== null) {
        this.#head = null;
        return this.#keep(broken, `${nameOf(broken)} was mended where it is damaged`);
      }
    }
    const tail = this.finished ? tailRecord(text) : null;
    if (tail !== null) this.#keep(tail, `${nameOf(tail)} was read without its beginning`);
    else this.#lose(text);
  }

  /** No more of the open record comes in this line. */
  #giveUp(last: boolean): void {
    const head = this.#head;
    this.#head = null;
    // One that the line before began was reported there.
    if (head === null || head.start < 0) return;
    const record = this.finished ? parseRecord(closedHead(head.text)) : null;
    if (record !== null && typeof record.type === 'string' && typeof record.uuid === 'string') {
      this.#keep(record, `${nameOf(record)} was read up to where it breaks off`);
      return;
    }
    const longer = last && this.finished && head.text.includes(',"uuid":') ? mendRecord(head.text) : null;
    if (longer !== null) return this.#keep(longer, `${nameOf(longer)} was mended where it is damaged`);
    this.#lose(head.text);
    if (last) this.result.head = this.#recordsEnd > head.start ? head.text : this.text.slice(head.start);
  }

  #lose(text: string): void {
    if (this.finished) this.#note(`not recovered: “${excerptOf(text)}”`);
  }

  #note(note: string): void {
    if (this.result.notes.length < maxNotes) this.result.notes.push(note);
    else this.#unnoted += 1;
  }
}

function nameOf({ uuid, type }: JsonRecord): string {
  if (typeof uuid === 'string') return `message ${oneLine(uuid, 40)}`;
  return `a record “${typeof type === 'string' ? oneLine(type, 40) : ''}”`;
}

/**
 * Reads a line that is no JSON: the records that stand whole in it, and of torn ones what can be kept with certainty.
 * @param finished false for the last line of a file without a line break
 * @param carried `head` of the line before, null where that one was whole
 */
export function recoverLine(text: string, finished: boolean, carried: string | null): RecoveredLine {
  return new LineRecovery(text, finished).run(partsOf(text), carried);
}
