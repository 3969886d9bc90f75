import { join } from 'node:path';
import type { Disposable } from '../../../core/disposable.ts';
import { agentTranscriptOf, customTitleName, subagentsName } from '../../claudeCode/layout.ts';
import { subagentFolders } from '../../claudeCode/subagentFiles.ts';
import { stampOf } from '../../fileStamp.ts';
import { plainFile } from '../../plainFiles.ts';
import { folderState } from './folderState.ts';
import { FolderWatch, type WatchSystem } from './folderWatch.ts';

/** What can happen in a session's own folder that its row or its turns show. */
export interface OwnFolderListener {
  title(): void;
  /** @param file of the subagent that appeared, grew or went */
  subagent(file: string): void;
}

/** A folder that is watched, and which one it was then: one that was made anew needs a new watch. */
interface Armed {
  identity: string;
  watch: FolderWatch;
}

/** Watches the folder that a session may have beside its transcript: its title, and the subagents below. */
export class OwnFolderWatch implements Disposable {
  readonly #folder: string;
  readonly #listener: OwnFolderListener;
  readonly #system: WatchSystem | null;
  readonly #armed = new Map<string, Armed>();
  /** State of each subagent's file as it was seen last; null before the first look. */
  #states: Map<string, string> | null = null;
  #last: Promise<void> = Promise.resolve();
  #disposed = false;

  /** @param folder absolute, existing or not: it is watched from the first `arm` after it has come */
  constructor(folder: string, listener: OwnFolderListener, system: WatchSystem | null) {
    this.#folder = folder;
    this.#listener = listener;
    this.#system = system;
  }

  /** Watches what has come or was made anew since the last time. */
  arm(): void {
    this.#last = this.#last.then(() => this.#armNow());
  }

  dispose(): void {
    this.#disposed = true;
    for (const { watch } of this.#armed.values()) watch.dispose();
    this.#armed.clear();
  }

  async #armNow(): Promise<void> {
    await this.#armFolder(this.#folder, (name) => this.#told(name));
    const folders = [...subagentFolders(this.#folder)].map(({ folder }) => folder);
    let isFresh = this.#states === null;
    for (const folder of folders)
      isFresh = (await this.#armFolder(folder, (name) => this.#subagentTold(folder, name))) || isFresh;
    for (const [folder, { watch }] of this.#armed) {
      if (folder === this.#folder || folders.includes(folder)) continue;
      watch.dispose();
      this.#armed.delete(folder);
    }
    if (isFresh) await this.#lookAtSubagents();
  }

  /** Returns whether the folder is watched from now on, and was not before. */
  async #armFolder(folder: string, told: (name: string | null) => void): Promise<boolean> {
    const identity = (await folderState(folder))?.identity;
    const armed = this.#armed.get(folder);
    if (this.#disposed || armed?.identity === identity) return false;
    armed?.watch.dispose();
    this.#armed.delete(folder);
    if (identity === undefined) return false;
    const watch = new FolderWatch(folder, told, () => this.#poll(folder), this.#system);
    this.#armed.set(folder, { identity, watch });
    return true;
  }

  #told(name: string | null): void {
    if (name === null || name === subagentsName) this.arm();
    if (name === null || name === customTitleName) this.#listener.title();
  }

  #subagentTold(folder: string, name: string | null): void {
    if (name === null) void this.#lookAtSubagents();
    // Agents of a workflow lie in folders below.
    else if (!name.includes('.')) this.arm();
    else {
      const subagent = agentTranscriptOf(join(folder, name));
      if (subagent !== null) this.#listener.subagent(subagent);
    }
  }

  async #poll(folder: string): Promise<void> {
    if (folder === this.#folder) this.#told(null);
    else await this.#lookAtSubagents();
  }

  /** Tells the subagents that changed since the last look. What the first look finds is not news. */
  async #lookAtSubagents(): Promise<void> {
    const before = this.#states;
    const now = new Map<string, string>();
    for (const { folder, names } of subagentFolders(this.#folder)) {
      for (const name of names.filter((each) => agentTranscriptOf(each) !== null)) {
        const file = join(folder, name);
        const stats = await plainFile(file).catch(() => null);
        if (stats !== null) now.set(file, stampOf(stats).text);
      }
    }
    if (this.#disposed) return;
    this.#states = now;
    if (before === null) return;
    const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
      (file) => before.get(file) !== now.get(file),
    );
    for (const file of new Set(changed.map(agentTranscriptOf))) if (file !== null) this.#listener.subagent(file);
  }
}
