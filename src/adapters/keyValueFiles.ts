import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './writeWhole.ts';

/**
 * Small values as files in a folder of the extension's. A `Memento` is written some seconds later, and `vscode.workspace.fs` asks the
 * window before it writes: what was typed right before a reload or a crash would be lost with either.
 */
export class KeyValueFiles {
  private writes: Promise<void> = Promise.resolve();
  /** What waits to be written. */
  private readonly waiting = new Map<string, unknown>();

  /** @param folder made when first needed */
  constructor(private readonly folder: string) {}

  /** Undefined where nothing is stored. */
  async get(key: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(this.file(key), 'utf8'));
    } catch {
      // Absent, or damaged by a full disk: nothing is stored then.
      return undefined;
    }
  }

  /** Written whole or not at all, one after another; what was superseded while it waited is left out. Never fails. */
  update(key: string, value: unknown): Promise<void> {
    this.waiting.set(key, value);
    this.writes = this.writes.then(() => this.write(key)).catch(() => undefined);
    return this.writes;
  }

  private async write(key: string): Promise<void> {
    if (!this.waiting.has(key)) return;
    const value = this.waiting.get(key);
    this.waiting.delete(key);
    await writeWhole(this.file(key), JSON.stringify(value));
  }

  private file(key: string): string {
    return join(this.folder, `${key}.json`);
  }
}
