import { closeSync, openSync, writeSync } from 'node:fs';

const flushAt = 4_000_000;

/** Writes the lines of one file, some megabytes at a time. */
export class LineSink {
  /** Bytes written so far. */
  bytes = 0;
  readonly #file: number;
  #waiting = '';

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
  }

  /** @param line without its line break */
  write(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length > flushAt) this.#flush();
  }

  /** Bytes including what waits still; what is not ASCII counts as one. */
  get about(): number {
    return this.bytes + this.#waiting.length;
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#waiting);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
    this.bytes += bytes.length;
    this.#waiting = '';
  }
}
