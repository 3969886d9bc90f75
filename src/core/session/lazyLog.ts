import type { TranscriptEntry } from './transcriptEntry.ts';

/**
 * Records of one kind, each read when it is asked for. Where several have one key the first counts; answers don't depend on
 * what was asked before.
 */
export class LazyLog<T extends { line: number }> {
  readonly #entries: TranscriptEntry[] = [];
  readonly #items: ({ key: string; item: T } | null)[] = [];
  readonly #byKey = new Map<string, T>();
  readonly #read: (entry: TranscriptEntry) => { key: string; item: T } | null;
  /** The keys of so many are known, from the first on. */
  #inOrder = 0;

  constructor(read: (entry: TranscriptEntry) => { key: string; item: T } | null) {
    this.#read = read;
  }

  add(entry: TranscriptEntry): void {
    this.#entries.push(entry);
  }

  /** The item of that key among the lines before `line`; where several have it, the first. */
  find(key: string, line: number): T | null {
    for (; (this.#entries[this.#inOrder]?.line ?? line) < line; this.#inOrder += 1) {
      if (this.#byKey.has(key)) break;
      const read = this.#item(this.#inOrder);
      if (read !== null && !this.#byKey.has(read.key)) this.#byKey.set(read.key, read.item);
    }
    const found = this.#byKey.get(key) ?? null;
    return found === null || found.line >= line ? null : found;
  }

  #item(at: number): { key: string; item: T } | null {
    const known = this.#items[at];
    if (known !== undefined) return known;
    const read = this.#read(this.#entries[at] as TranscriptEntry);
    this.#items[at] = read;
    return read;
  }

  /** In file order, those that stand behind one line and before another, each key once. */
  *between(from: number, until: number): Generator<T> {
    const seen = new Set<string>();
    for (let at = 0; at < this.#entries.length; at += 1) {
      const line = this.#entries[at]?.line ?? 0;
      if (line >= until) return;
      const read = line > from ? this.#item(at) : null;
      if (read === null || seen.has(read.key)) continue;
      seen.add(read.key);
      yield read.item;
    }
  }

  /** From a line backwards. */
  *before(line: number): Generator<T> {
    for (let at = this.#entries.findLastIndex((entry) => entry.line < line); at >= 0; at -= 1) {
      const read = this.#item(at);
      if (read !== null) yield read.item;
    }
  }
}
