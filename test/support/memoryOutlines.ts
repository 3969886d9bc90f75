import { fileStamp } from '../../src/adapters/fileStamp.ts';
import type { Outlines, Part } from '../../src/adapters/sessions/outline/outlineIndex.ts';

/** Outlines of all files, however short, in memory; copied in and out as a database would. */
export class MemoryOutlines implements Outlines {
  readonly cacheFrom = 0;
  /** Names of the parts that were asked for, in order. */
  readonly asked: string[] = [];
  readonly #parts = new Map<string, unknown>();

  get(file: string, part: string): unknown {
    this.asked.push(part);
    return structuredClone(this.#parts.get(`${file} ${part}`) ?? null);
  }

  put(file: string, parts: Iterable<Part>): void {
    for (const key of this.#parts.keys()) if (key.startsWith(`${file} `)) this.#parts.delete(key);
    this.#set(file, parts);
  }

  add(file: string, parts: Iterable<Part>): void {
    if (!this.#parts.has(`${file} scan`)) return;
    this.#set(file, parts);
  }

  #set(file: string, parts: Iterable<Part>): void {
    for (const [part, content, form] of parts)
      this.#parts.set(
        `${file} ${part}`,
        form === 'json' ? JSON.parse(JSON.stringify(content)) : structuredClone(content),
      );
  }

  /** Makes what is known of a file count for the state that it is in now. */
  restamp(file: string): void {
    for (const [key, part] of this.#parts)
      if (key.startsWith(`${file} `)) Object.assign(part as object, { state: fileStamp(file) });
  }
}
