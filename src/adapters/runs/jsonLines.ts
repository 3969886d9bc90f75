import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

const newline = 0x0a;

/**
 * Reads the whole lines that follow `offset`. A last line without its line feed is held back: another process may be
 * writing it just now.
 * @returns the lines that hold JSON, and the offset to go on from
 */
export async function readJsonLines(file: string, offset: number): Promise<{ values: unknown[]; offset: number }> {
  // Mostly nothing has come, and then nothing is opened.
  const { size } = await stat(file);
  if (size <= offset) return { values: [], offset };
  const handle = await open(file, 'r');
  try {
    const bytes = Buffer.allocUnsafe(size - offset);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    const end = bytes.subarray(0, bytesRead).lastIndexOf(newline) + 1;
    const values = bytes.toString('utf8', 0, end).split('\n').flatMap(parsed);
    return { values, offset: offset + end };
  } finally {
    await handle.close();
  }
}

// A line torn by a crash stays behind as a line that isn't JSON; what it said is lost, the rest is not.
function parsed(line: string): unknown[] {
  if (line === '') return [];
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

/** Lines that are written together. */
interface Batch {
  text: string;
  written: Promise<void>;
}

/**
 * Appends lines to a log that exists, in order, each within one write so that several processes may append at once. Lines that come
 * while others are written wait for these and go out together.
 */
export class JsonLinesWriter {
  readonly #file: string;
  readonly #onWritten: () => Promise<void>;
  #handle: FileHandle | null = null;
  #last: Promise<void> = Promise.resolve();
  #next: Batch | null = null;
  #idle: NodeJS.Timeout | null = null;

  /** @param onWritten tells others that the log has grown; awaited after each write */
  constructor(file: string, onWritten: () => Promise<void> = async () => {}) {
    this.#file = file;
    this.#onWritten = onWritten;
  }

  /** Resolves when the line can be read by others. @throws the file system's error, `ENOENT` where the log is gone */
  append(value: unknown): Promise<void> {
    const line = `${JSON.stringify(value)}\n`;
    if (this.#next !== null) {
      this.#next.text += line;
      return this.#next.written;
    }
    const batch: Batch = { text: line, written: this.#last.then(() => this.#write(batch)) };
    this.#next = batch;
    this.#last = batch.written.then(
      () => this.#closeWhenIdle(),
      () => this.close(),
    );
    return batch.written;
  }

  async #write(batch: Batch): Promise<void> {
    try {
      this.#handle ??= await openForAppend(this.#file);
    } finally {
      // What comes from here on is written after it.
      this.#next = null;
    }
    await this.#handle.appendFile(batch.text);
    await this.#onWritten();
  }

  /** Lets go of the file; the next append opens it again. */
  async close(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close().catch(() => {});
  }

  #closeWhenIdle(): void {
    if (this.#idle !== null) this.#idle.refresh();
    else {
      this.#idle = setTimeout(() => {
        this.#last = this.#last.then(() => this.close());
      }, 1_000);
      this.#idle.unref();
    }
  }
}

async function openForAppend(file: string): Promise<FileHandle> {
  // Without O_CREAT: appending must not bring a deleted run back to life.
  const handle = await open(file, constants.O_APPEND | constants.O_RDWR);
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(1);
    // A crash may have torn the last line; what comes now must not be glued to it.
    if (size > 0 && (await handle.read(last, 0, 1, size - 1)).bytesRead === 1 && last[0] !== newline) {
      await handle.write('\n');
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
