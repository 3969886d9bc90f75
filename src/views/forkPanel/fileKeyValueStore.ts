import * as vscode from 'vscode';
import type { KeyValueStore } from './draftStore.ts';

/**
 * Small values as files in the extension's storage folder. A `Memento` is written some seconds later, by the window: what
 * was typed right before a reload or a crash would be lost.
 */
export class FileKeyValueStore implements KeyValueStore {
  private writes: Promise<void> = Promise.resolve();

  constructor(private readonly folder: vscode.Uri) {}

  async get(key: string): Promise<unknown> {
    try {
      return JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(this.file(key))));
    } catch {
      // Absent, or damaged by a full disk: nothing is stored then.
      return undefined;
    }
  }

  /** Written whole or not at all, one after another. */
  update(key: string, value: unknown): Promise<void> {
    this.writes = this.writes.then(() => this.write(key, value)).catch(() => undefined);
    return this.writes;
  }

  private async write(key: string, value: unknown): Promise<void> {
    const [file, unfinished] = [this.file(key), this.file(`${key}.new`)];
    await vscode.workspace.fs.writeFile(unfinished, new TextEncoder().encode(JSON.stringify(value)));
    await vscode.workspace.fs.rename(unfinished, file, { overwrite: true });
  }

  private file(key: string): vscode.Uri {
    return vscode.Uri.joinPath(this.folder, `${key}.json`);
  }
}
