// src/adapters/sessions/skim: reads what an outline needs of a line without parsing it, by WebAssembly (assembly/).
// Which fields these are says recordTable.ts of src/core/session; no other meaning comes in.

import { openedKeys, recordKeys, skimmedWords } from '../../../core/session/recordTable.ts';
import type { PassedLines } from '../../../core/session/sessionSummary.ts';
import { instantiate } from '../../webAssembly.ts';
import { skimmerModule } from './skimmerModule.ts';
import { type UuidModule, UuidTable } from './uuidTable.ts';

const pageBytes = 64 * 1024;
/** Bytes that are looked at, at a time. */
const capacity = 512 * 1024;
/** The module reads 64 bytes at a time, and four digits behind them. */
const slack = 128;
const memberWords = 4;
const keyBytes = 32;
const timeBytes = 24;
const uuidBytes = 36;
const passedNumbers = 6;

interface Skimmer extends UuidModule {
  memory: { buffer: ArrayBuffer; grow(pages: number): void };
  membersAt(): number;
  keysAt(): number;
  dataAt(): number;
  begin(names: number, noted: number, opened: bigint): void;
  skim(at: number, end: number): number;
  memberCount(): number;
  beginPassing(): void;
  passOver(at: number, end: number, takesPrompts: boolean): number;
  endOfLine(): number;
  passedAt(): number;
  commitPlace(isReply: boolean): void;
  invalidatePlace(): void;
}

/** By what number the module calls a key: the place in the table, from 1. `assembly/` has them from there, too. */
export function keyNumber(name: string): number {
  return recordKeys.indexOf(name) + 1;
}

/** What `toString` of a buffer comes down to, without its looking at what it was given. Missing in Node's types. */
type SlicedBuffer = Buffer & {
  utf8Slice(start: number, end: number): string;
  latin1Slice(start: number, end: number): string;
};

function makeSkimmer(): Skimmer {
  const exports = instantiate<Skimmer>(Buffer.from(skimmerModule, 'base64'));
  const uuids = UuidTable.textBytes + UuidTable.mostBytes;
  exports.memory.grow(Math.ceil((exports.dataAt() + capacity + slack + uuids) / pageBytes));
  const bytes = Buffer.from(exports.memory.buffer);
  const names = [...recordKeys, ...skimmedWords];
  for (const [index, name] of names.entries()) {
    const slot = exports.keysAt() + index * keyBytes;
    bytes[slot] = name.length;
    bytes.write(name, slot + 1, 'latin1');
  }
  const bits = openedKeys.reduce((sum, name) => sum | (1n << BigInt(keyNumber(name))), 0n);
  exports.begin(names.length, recordKeys.length, bits);
  return exports;
}

/** Texts up to this length are taken for names. */
const longestName = 16;
const mostNames = 1000;

/**
 * Checks lines of JSON in a buffer of its own, which the caller fills, and says where the members named above lie. What it
 * accepts, `JSON.parse` accepts; what it refuses may be good all the same.
 */
export class LineSkimmer {
  static readonly capacity = capacity;
  /** To be filled from its beginning; `capacity` bytes long. */
  readonly buffer: Buffer;
  readonly #skimmer = makeSkimmer();
  readonly #members: Int32Array;
  /** Numbers, behind which texts stand: see `passed` in `assembly/passOver.ts`. */
  readonly #passed: Int32Array;
  readonly #all: SlicedBuffer;
  readonly #dataAt: number;
  /** The text that each key had last. */
  readonly #texts: { serial: number; text: string }[] = Array.from({ length: recordKeys.length + 1 }, () => ({
    serial: 0,
    text: '',
  }));

  /** Short texts by themselves: names of types, models and tools stand in every record, and need not be held as often. */
  readonly #names = new Map<string, string>();

  constructor() {
    const { buffer } = this.#skimmer.memory;
    this.#dataAt = this.#skimmer.dataAt();
    this.#all = Buffer.from(buffer) as SlicedBuffer;
    this.buffer = Buffer.from(buffer, this.#dataAt, capacity);
    this.#members = new Int32Array(buffer, this.#skimmer.membersAt());
    this.#passed = new Int32Array(buffer, this.#skimmer.passedAt(), passedNumbers);
  }

  /**
   * Checks the line that begins at `at`.
   * @param filled bytes in the buffer
   * @returns place of its line break, or `filled` where it ends there without one; -1 where it is refused
   */
  skim(at: number, filled: number): number {
    const end = this.#skimmer.skim(this.#dataAt + at, this.#dataAt + filled);
    return end < 0 ? -1 : end - this.#dataAt;
  }

  /**
   * Makes ready to pass over lines of another transcript.
   * @param fileBytes its length
   * @returns the uuids that it has so far, for the caller to add those of the lines that it reads itself
   */
  beginPassing(fileBytes: number): UuidTable {
    this.#skimmer.beginPassing();
    return new UuidTable(this.#skimmer, this.#all, this.#dataAt + capacity + slack + UuidTable.textBytes, fileBytes);
  }

  /**
   * Passes over lines that tell a transcript's summary nothing new, and skims the one behind them.
   * @param filled bytes in the buffer
   * @param takesPrompts whether of further prompts only the number counts
   * @returns place of the line behind them
   */
  passOver(at: number, filled: number, takesPrompts: boolean): number {
    return this.#skimmer.passOver(this.#dataAt + at, this.#dataAt + filled, takesPrompts) - this.#dataAt;
  }

  /** Of the line behind those that were passed over: what `skim` says of it. */
  get end(): number {
    const end = this.#skimmer.endOfLine();
    return end < 0 ? -1 : end - this.#dataAt;
  }

  /** What was passed over last. */
  get passed(): PassedLines {
    const [lines = 0, messages = 0, prompts = 0, hasTime, isOpen, costLength = 0] = this.#passed;
    const time = this.#passed.byteOffset + this.#passed.byteLength;
    const uuid = time + timeBytes;
    const cost = uuid + uuidBytes;
    return {
      lines,
      messages,
      prompts,
      lastAt: hasTime === 0 ? null : this.#all.latin1Slice(time, uuid),
      openPrompt: isOpen === 0 ? null : this.#all.latin1Slice(uuid, cost),
      costUsd: costLength === 0 ? null : Number(this.#all.latin1Slice(cost, cost + costLength)),
    };
  }

  /**
   * Says that the line that was skimmed last counted for the summary, with its time and all else: what says the same from now
   * on is nothing new.
   */
  commitPlace(isReply: boolean): void {
    this.#skimmer.commitPlace(isReply);
  }

  /** Says that the line that was skimmed last may have counted. */
  invalidatePlace(): void {
    this.#skimmer.invalidatePlace();
  }

  /** Members of the line that was accepted last, in the order in which they stand there. */
  get count(): number {
    return this.#skimmer.memberCount();
  }

  /** Number of the member's key. */
  key(member: number): number {
    return this.#word(member, 0) & 0xffff;
  }

  /** In how many objects and lists the member lies: 1 for the line's own. */
  depth(member: number): number {
    return (this.#word(member, 0) >> 16) & 0x7fff;
  }

  /** First byte of the value: tells of which kind it is. */
  kind(member: number): number {
    return this.#all[this.#word(member, 1)] as number;
  }

  /** The value where it is a string, else null. */
  text(member: number): string | null {
    const start = this.#word(member, 1);
    if (this.#all[start] !== 0x22) return null;
    const serial = this.#word(member, 3);
    const last = this.#texts[this.key(member)];
    if (last === undefined) return this.#textOf(member);
    if (serial === 0 || serial !== last.serial) {
      last.text = this.#textOf(member);
      last.serial = serial;
    }
    return last.text;
  }

  #textOf(member: number): string {
    const start = this.#word(member, 1);
    const end = this.#word(member, 2);
    if (this.#word(member, 0) < 0) return JSON.parse(this.#all.utf8Slice(start, end)) as string;
    const text = this.#all.utf8Slice(start + 1, end - 1);
    return text.length > longestName ? text : this.#name(text);
  }

  #name(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#names.size >= mostNames) this.#names.clear();
    this.#names.set(text, text);
    return text;
  }

  /** The value where it is a number, else null. */
  number(member: number): number | null {
    const kind = this.kind(member);
    if (kind !== 0x2d && (kind < 0x30 || kind > 0x39)) return null;
    return Number(this.#all.latin1Slice(this.#word(member, 1), this.#word(member, 2)));
  }

  #word(member: number, word: number): number {
    return this.#members[member * memberWords + word] as number;
  }
}
