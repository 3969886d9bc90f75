/*
 * A line that is no JSON is taken apart into the objects that stand whole in it, those that begin in it and break off, and
 * what is left. One pass: a hostile line costs no more than its length.
 */

/** A stretch of a broken line; `end` is exclusive. */
export interface Piece {
  kind: 'object' | 'head';
  start: number;
  end: number;
}

type Expected = 'value' | 'firstValue' | 'key' | 'firstKey' | 'colon' | 'next';

/** An object or array that is open, and which marks of a record the keys of the object were so far. */
interface Frame {
  start: number;
  close: '}' | ']';
  hasType: boolean;
  hasMark: boolean;
}

const quote = 34;
const backslash = 92;
const hexOrEscape = /(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const space = /[ \t\n\r]*/y;
/** How records begin. Blocks inside a record may begin like that too, but for the first one. */
const opening = /\{"(?:parentUuid|type|uuid|sessionId|isSidechain|logicalParentUuid|agentId|promptId)":/y;
const chained = '{"parentUuid":';
/** Keys that records carry and their parts don't. */
const marks: ReadonlySet<string> = new Set(['"sessionId"', '"leafUuid"', '"isSnapshotUpdate"']);

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** Follows one object from its brace to its end, or to where it stops being JSON. */
class ObjectScan {
  at: number;
  /** Where the search for more objects goes on after this one broke off. */
  resume: number;
  /** Whole objects inside it that carry a record's marks: other writes, where this one breaks off. */
  readonly inner: Piece[] = [];
  readonly #frames: Frame[] = [];
  #expected: Expected = 'value';
  /** Behind the last whole member, element or opening bracket. */
  #safe: number;
  /** True where the text ends inside a string that is a value. */
  #inText = false;
  #lastString = -1;

  constructor(
    private readonly text: string,
    private readonly start: number,
  ) {
    this.at = start;
    this.resume = start + 1;
    this.#safe = start;
  }

  /** True where the object ends properly, at `at`. */
  run(): boolean {
    do {
      this.at = matchEnd(space, this.text, this.at);
      if (this.at >= this.text.length || !this.#step()) {
        this.#breakOff();
        return false;
      }
    } while (this.#frames.length > 0);
    return true;
  }

  /** The text of an object that breaks off, closed so that it is JSON again. Only after a `run` up to the break. */
  closed(): string {
    const brackets = this.#frames.map(({ close }) => close).reverse();
    // Half a text is worth keeping. Half an id, a time or a type, which stand in the record itself, would be a wrong one.
    const inText = this.#inText && this.#frames.length > 1;
    const kept = this.text.slice(this.start, inText ? this.at : this.#safe);
    return `${kept}${inText ? '"' : ''}${brackets.join('')}`;
  }

  #step(): boolean {
    const character = this.text[this.at] ?? '';
    switch (this.#expected) {
      case 'colon':
        if (character !== ':') return false;
        this.at += 1;
        this.#expected = 'value';
        return true;
      case 'firstKey':
      case 'key':
        if (character === '}' && this.#expected === 'firstKey') return this.#pop();
        return character === '"' && this.#key();
      case 'next':
        if (character !== ',') return this.#pop();
        this.at += 1;
        this.#expected = this.#frames.at(-1)?.close === '}' ? 'key' : 'value';
        return true;
      default:
        if (character === ']' && this.#expected === 'firstValue') return this.#pop();
        return this.#value(character);
    }
  }

  #value(character: string): boolean {
    const frame = this.#frames.at(-1);
    if (character === '{' || character === '[') {
      // No record holds a chained one: here another write begins.
      if (frame !== undefined && this.text.startsWith(chained, this.at)) return false;
      return this.#push(character);
    }
    if (character === '"') {
      this.#inText = true;
      if (!this.#string()) return false;
      this.#inText = false;
    } else {
      const end = matchEnd(scalar, this.text, this.at);
      // At the very end a number may lack digits.
      if (end < 0 || end === this.text.length) return false;
      this.at = end;
    }
    return this.#valueEnded();
  }

  #valueEnded(): boolean {
    this.#safe = this.at;
    this.#expected = 'next';
    return true;
  }

  #key(): boolean {
    const from = this.at;
    if (!this.#string()) return false;
    const frame = this.#frames.at(-1);
    const key = this.at - from > 20 ? '' : this.text.slice(from, this.at);
    if (frame !== undefined) {
      frame.hasType ||= key === '"type"';
      frame.hasMark ||= marks.has(key);
    }
    this.#expected = 'colon';
    return true;
  }

  #push(character: '{' | '['): boolean {
    const close = character === '{' ? '}' : ']';
    this.#frames.push({ start: this.at, close, hasType: false, hasMark: false });
    this.at += 1;
    this.#safe = this.at;
    this.#expected = character === '{' ? 'firstKey' : 'firstValue';
    return true;
  }

  #pop(): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined || this.text[this.at] !== frame.close) return false;
    this.#frames.pop();
    this.at += 1;
    if (frame.hasType && frame.hasMark) {
      while ((this.inner.at(-1)?.start ?? -1) > frame.start) this.inner.pop();
      this.inner.push({ kind: 'object', start: frame.start, end: this.at });
    }
    return this.#valueEnded();
  }

  /** Reads the string at `at`. False where it doesn't end, or holds what no JSON string may; `at` is that place then. */
  #string(): boolean {
    for (let at = this.at + 1; at < this.text.length; at += 1) {
      const code = this.text.charCodeAt(at);
      if (code === quote) {
        this.#lastString = at + 1;
        this.at = at + 1;
        return true;
      }
      if (code < 32) return this.#stopAt(at);
      if (code === backslash) {
        const end = matchEnd(hexOrEscape, this.text, at + 1);
        if (end < 0) return this.#stopAt(at);
        at = end - 1;
      }
    }
    return this.#stopAt(this.text.length);
  }

  #stopAt(at: number): false {
    this.at = at;
    return false;
  }

  #breakOff(): void {
    // A string that was torn ends at the first quote of what was written over it: `…torn{"type":…`.
    if (this.#lastString > this.start && this.text[this.#lastString - 2] === '{' && this.#endsWithString()) {
      this.at = this.#lastString - 2;
    }
    this.resume = Math.max(this.start + 1, this.at);
  }

  #endsWithString(): boolean {
    return matchEnd(space, this.text, this.#lastString) === this.at && !this.#inText;
  }
}

/**
 * Objects that stand whole in a line and records that begin in it and break off, in order, none inside another. What lies
 * between them belongs to neither.
 */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = text.indexOf('{');
  while (from >= 0) {
    const scan = new ObjectScan(text, from);
    if (scan.run()) {
      pieces.push({ kind: 'object', start: from, end: scan.at });
      from = text.indexOf('{', scan.at);
      continue;
    }
    const inner = scan.inner;
    const isRecord = matchEnd(opening, text, from) >= 0;
    if (isRecord) pieces.push({ kind: 'head', start: from, end: inner[0]?.start ?? scan.at });
    pieces.push(...inner);
    from = text.indexOf('{', scan.resume);
  }
  return pieces;
}

/** Where the object that begins a text ends or breaks off. */
export function followObject(text: string): number {
  const scan = new ObjectScan(text, 0);
  scan.run();
  return scan.at;
}

/** The object that begins a text and breaks off at its end, with what is open in it closed. */
export function closedHead(text: string): string {
  const scan = new ObjectScan(text, 0);
  return scan.run() ? text : scan.closed();
}
