import type { TranscriptEntry } from './transcriptEntry.ts';

/** Records of one kind, each read when it is asked for. */
export class LazyLog<T extends { line: number }> {
  readonly #entries: TranscriptEntry[] = [];
  readonly #items: (T | null)[] = [];
  readonly #byKey = new Map<string, T>();
  readonly #read: (entry: TranscriptEntry) => { key: string; item: T } | null;
  /** So many were read in file order. */
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
      this.#item(this.#inOrder);
    }
    return this.#byKey.get(key) ?? null;
  }

  #item(at: number): T | null {
    const known = this.#items[at];
    if (known !== undefined) return known;
    const read = this.#read(this.#entries[at] as TranscriptEntry);
    // Of a record that stands twice in the file the first counts.
    const item = read === null || this.#byKey.has(read.key) ? null : read.item;
    this.#items[at] = item;
    if (read !== null && item !== null) this.#byKey.set(read.key, item);
    return item;
  }

  /** In file order, those that stand behind one line and before another. */
  *between(from: number, until: number): Generator<T> {
    for (let at = 0; at < this.#entries.length; at += 1) {
      const line = this.#entries[at]?.line ?? 0;
      if (line >= until) return;
      const item = line > from ? this.#item(at) : null;
      if (item !== null) yield item;
    }
  }

  /** From a line backwards. */
  *before(line: number): Generator<T> {
    for (let at = this.#entries.findLastIndex((entry) => entry.line < line); at >= 0; at -= 1) {
      const item = this.#item(at);
      if (item !== null) yield item;
    }
  }
}
