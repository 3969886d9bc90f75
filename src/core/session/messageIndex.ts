import { withoutCacheControl } from '../api/cacheControl.ts';
import { canonicalJson, type Json } from '../canonicalJson.ts';
import type { Sha256 } from '../sha256.ts';
import { isCompactBoundary } from './compaction.ts';
import { isSyntheticReply } from './promptRules.ts';
import type { ContentBlock } from './recordedSession.ts';
import { holdsMessage, type TranscriptEntry } from './transcriptEntry.ts';

/** A message of a rebuilt request: contents are blocks, cache marks are left out. */
export type IndexedMessage = { role: string; content: ContentBlock[] } & { [key: string]: Json };

/** Runs of more lines than this are looked up whole or by their beginning only: trying all would be quadratic. */
const longestRun = 40;
/** Characters of messages that are kept: a request mostly consists of those that were met last, and of those of the one before. */
const keptCharacters = 24_000_000;

/** A message in the form that the log hashes: blocks, no cache marks. */
export function indexedMessage(message: {
  role: string;
  content: string | readonly { type: string }[];
}): IndexedMessage {
  const { content, ...rest } = message;
  const blocks: ContentBlock[] =
    typeof content === 'string'
      ? [{ type: 'text', text: content }]
      : (withoutCacheControl([...content] as Json[]) as ContentBlock[]);
  return { ...(rest as { role: string }), content: blocks };
}

/** Where a message stands: lines whose contents make it up. */
interface Lines {
  role: 'user' | 'assistant';
  entries: readonly TranscriptEntry[];
}

function contentOf(lines: readonly TranscriptEntry[]): ContentBlock[] {
  return lines.flatMap((line) => line.message?.content ?? []);
}

/** Walks once over the records, as far as asked, and reports every run of lines that a hash may stand for. */
class RunFinder {
  readonly #entries: readonly TranscriptEntry[];
  readonly #counts: (entry: TranscriptEntry) => boolean;
  readonly #everyStart: boolean;
  readonly #replies = new Map<string, TranscriptEntry[]>();
  #run: TranscriptEntry[] = [];
  #next = 0;

  /** @param everyStart user runs that begin behind their first line, too */
  constructor(entries: readonly TranscriptEntry[], counts: (entry: TranscriptEntry) => boolean, everyStart: boolean) {
    this.#entries = entries;
    this.#counts = counts;
    this.#everyStart = everyStart;
  }

  /** @param line the first line that is not looked at */
  *until(line: number): Generator<Lines> {
    for (; this.#next < this.#entries.length; this.#next += 1) {
      const entry = this.#entries[this.#next] as TranscriptEntry;
      if (entry.line >= line) return;
      if (!holdsMessage(entry) || !this.#counts(entry)) continue;
      if (entry.type === 'assistant') yield this.#reply(entry);
      else yield* this.#userRuns(entry);
    }
  }

  #reply(entry: TranscriptEntry): Lines {
    this.#run = [];
    const id = entry.facts.messageId ?? entry.uuid ?? '';
    const lines = [...(this.#replies.get(id) ?? []), entry];
    this.#replies.set(id, lines);
    return { role: 'assistant', entries: lines };
  }

  *#userRuns(entry: TranscriptEntry): Generator<Lines> {
    this.#run = [...this.#run, entry];
    const starts = this.#everyStart && this.#run.length <= longestRun ? this.#run.length : 1;
    for (let start = 0; start < starts; start += 1) yield { role: 'user', entries: this.#run.slice(start) };
  }
}

/** Records between two compactions. */
interface Stretch {
  /** Line of the first record. */
  start: number;
  /** Where runs are looked for, likeliest first; each only when a hash was not found before. */
  finders: readonly RunFinder[];
}

function stretchOf(entries: readonly TranscriptEntry[]): Stretch {
  const isSpoken = (entry: TranscriptEntry) => !isSyntheticReply(entry) && entry.facts.apiError === null;
  return {
    start: entries[0]?.line ?? 0,
    finders: [
      new RunFinder(entries, isSpoken, false),
      new RunFinder(entries, isSpoken, true),
      // What Claude Code wrote in a model's stead is sent too, once the session goes on.
      new RunFinder(entries, () => true, true),
    ],
  };
}

/**
 * Finds messages by the hash under which the request log names them. A hash names a message that the log itself holds, or
 * a run of transcript lines: user lines that follow each other, or the lines of one reply up to some line. Only what stands
 * before a request is looked at, so an early one costs little in a long file.
 */
export class MessageIndex {
  readonly #sha256: Sha256;
  readonly #logged: (hash: string, line: number) => IndexedMessage | null;
  readonly #found = new Map<string, Lines>();
  readonly #built = new Map<string, { message: IndexedMessage; text: string }>();
  readonly #texts = new WeakMap<IndexedMessage, string>();
  #builtCharacters = 0;
  /** The stretches between compactions, in file order. */
  readonly #stretches: readonly Stretch[];

  /**
   * @param entries one file's records in file order
   * @param logged the message that the log holds under a hash before a line
   */
  constructor(
    entries: readonly TranscriptEntry[],
    logged: (hash: string, line: number) => IndexedMessage | null,
    sha256: Sha256,
  ) {
    this.#sha256 = sha256;
    this.#logged = logged;
    const starts = entries.flatMap((entry, at) => (isCompactBoundary(entry) ? [at] : []));
    this.#stretches = [0, ...starts].map((from, at) => stretchOf(entries.slice(from, starts[at])));
  }

  /** The message of that hash among the lines before `line`, null where the file does not hold it. */
  find(hash: string, line: number): IndexedMessage | null {
    const built = this.#built.get(hash);
    if (built !== undefined) return built.message;
    const logged = this.#logged(hash, line);
    if (logged !== null) {
      const text = canonicalJson(logged);
      // A blob that does not match its own name is damaged: better no message than a wrong one.
      if (this.#sha256(text) === hash) return this.#keep(hash, logged, text);
    }
    const known = this.#found.get(hash);
    if (known === undefined) return this.#search(hash, line);
    const message = messageOf(known);
    return this.#keep(hash, message, canonicalJson(message));
  }

  /** Goes back from the line: what a request holds mostly stands behind the last compaction before it. */
  #search(hash: string, line: number): IndexedMessage | null {
    const last = this.#stretches.findLastIndex(({ start }) => start < line);
    for (let at = last; at >= 0; at -= 1) {
      for (const finder of this.#stretches[at]?.finders ?? []) {
        const found = this.#searchRuns(hash, finder.until(line));
        if (found !== null) return found;
      }
    }
    return null;
  }

  /** Goes through all of them, so that the next question finds them. */
  #searchRuns(hash: string, runs: Iterable<Lines>): IndexedMessage | null {
    let found: IndexedMessage | null = null;
    for (const lines of runs) {
      const message = messageOf(lines);
      const text = canonicalJson(message);
      const name = this.#sha256(text);
      if (this.#found.has(name)) continue;
      this.#found.set(name, lines);
      this.#keep(name, message, text);
      if (name === hash) found = message;
    }
    return found;
  }

  /** Canonical text of a message that this index gave out; computed once. */
  textOf(message: IndexedMessage): string {
    return this.#texts.get(message) ?? canonicalJson(message);
  }

  #keep(hash: string, message: IndexedMessage, text: string): IndexedMessage {
    this.#texts.set(message, text);
    this.#built.set(hash, { message, text });
    this.#builtCharacters += text.length;
    for (const [old, { text: oldText }] of this.#built) {
      if (this.#builtCharacters <= keptCharacters || old === hash) break;
      this.#built.delete(old);
      this.#builtCharacters -= oldText.length;
    }
    return message;
  }
}

function messageOf({ role, entries }: Lines): IndexedMessage {
  return indexedMessage({ role, content: contentOf(entries) });
}
