/** How much of a body is kept, in bytes, to say what it was where it was no reply. */
const maxKept = 20_000;
/** How long the rest of a body is waited for, in milliseconds. */
const restMs = 1_000;

/** The body of an answer, as it is read. */
export class ReplyBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #isOver = false;

  constructor({ body }: Response) {
    this.#reader = body?.getReader() ?? null;
  }

  /** Goes on where it was left. @throws what the connection ended with */
  async *pieces(): AsyncGenerator<Uint8Array> {
    for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) yield piece;
  }

  /** How it begins, as far as it was read. */
  text(): string {
    const decoder = new TextDecoder();
    return this.#kept.map((piece) => decoder.decode(piece, { stream: true })).join('');
  }

  /** The same, read for it. What can't be read is left out. */
  async beginning(): Promise<string> {
    try {
      for await (const _piece of this.pieces()) if (this.#keptBytes >= maxKept) break;
    } catch {
      // What had come is enough to say what it was.
    }
    return this.text();
  }

  /**
   * Nobody wants the rest. It is read all the same, as a connection serves the next call once its answer has been read to the end; one that
   * does not end is given up.
   */
  async release(): Promise<void> {
    const reader = this.#reader;
    if (this.#isOver || reader === null) return;
    const timer = setTimeout(() => void reader.cancel().catch(() => {}), restMs);
    timer.unref();
    try {
      for await (const _piece of this.pieces());
    } catch {
      // Aborted or torn: there is no connection left to keep.
    } finally {
      clearTimeout(timer);
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const read = await this.#reader?.read();
    const piece = read?.value;
    if (piece === undefined) this.#isOver = true;
    else if (this.#keptBytes < maxKept) {
      this.#kept.push(piece);
      this.#keptBytes += piece.length;
    }
    return piece;
  }
}
