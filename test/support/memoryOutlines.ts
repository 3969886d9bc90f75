import type { Outlines } from '../../src/adapters/sessions/outline/outlineIndex.ts';

/** Outlines of all files, however short, in memory; copied in and out as a database would. */
export class MemoryOutlines implements Outlines {
  readonly rememberFrom = 0;
  readonly #parts = new Map<string, unknown>();

  get(file: string, part: string): unknown {
    return structuredClone(this.#parts.get(`${file} ${part}`) ?? null);
  }

  put(file: string, parts: Readonly<Record<string, unknown>>): void {
    for (const key of this.#parts.keys()) if (key.startsWith(`${file} `)) this.#parts.delete(key);
    for (const [part, content] of Object.entries(parts)) this.#parts.set(`${file} ${part}`, structuredClone(content));
  }

  add(file: string, part: string, content: unknown): void {
    if (this.#parts.has(`${file} scan`)) this.#parts.set(`${file} ${part}`, structuredClone(content));
  }
}
