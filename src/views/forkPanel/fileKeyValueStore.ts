import * as vscode from 'vscode';
import type { KeyValueStore } from './draftStore.ts';

/**
 * Small values as files in the extension's storage folder. A `Memento` is written some seconds later, by the window: what
 * was typed right before a reload or a crash would be lost.
 */
export class FileKeyValueStore implements KeyValueStore {
  private writes: Promise<void> = Promise.resolve();
  /** What waits to be written. */
  private readonly waiting = new Map<string, unknown>();

  constructor(private readonly folder: vscode.Uri) {}

  async get(key: string): Promise<unknown> {
    try {
      return JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(this.file(key))));
    } catch {
      // Absent, or damaged by a full disk: nothing is stored then.
      return undefined;
    }
  }

  /** Written whole or not at all, one after another; what was superseded while it waited is left out. */
  update(key: string, value: unknown): Promise<void> {
    this.waiting.set(key, value);
    this.writes = this.writes.then(() => this.write(key)).catch(() => undefined);
    return this.writes;
  }

  private async write(key: string): Promise<void> {
    if (!this.waiting.has(key)) return;
    const value = this.waiting.get(key);
    this.waiting.delete(key);
    const [file, unfinished] = [this.file(key), this.file(`${key}.new`)];
    await vscode.workspace.fs.writeFile(unfinished, new TextEncoder().encode(JSON.stringify(value)));
    await vscode.workspace.fs.rename(unfinished, file, { overwrite: true });
  }

  private file(key: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, `${key}.json`);
  }
}
