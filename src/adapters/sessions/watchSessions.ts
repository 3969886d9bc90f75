import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sessionIdSchema } from '../../core/ids.ts';
import type { Disposable } from '../../core/run/ports.ts';
import type { SessionChange } from '../../core/session/sessionStore.ts';
import { watchFolder } from '../runs/watchFolder.ts';
import { projectFolders, sessionIdOf } from './projectFiles.ts';
import type { FileState, SessionFolders } from './sessionFolders.ts';

/** Writes come in bursts; one look serves a whole burst. */
const settleMs = 120;
/** Where the system reports nothing, folders are looked at this often. */
const pollMs = 800;

const unreadable: FileState = { text: 'unreadable', changedAt: 0 };

/** Watches one project's folder; `null` stands for "anything in it". */
function watchProject(folder: string, onEvent: (name: string | null) => void): Disposable {
  let watcher: FSWatcher | null = null;
  let timer: NodeJS.Timeout | null = null;
  const poll = (): void => {
    watcher?.close();
    watcher = null;
    timer ??= setInterval(() => onEvent(null), pollMs).unref();
  };
  try {
    watcher = watch(folder, { persistent: false }, (_event, name) => onEvent(name));
    watcher.on('error', poll);
  } catch {
    poll();
  }
  return {
    dispose() {
      watcher?.close();
      if (timer !== null) clearInterval(timer);
    },
  };
}

/** Reports transcripts that appear, grow, are renamed or go. Only what changed is read. */
class SessionsWatch {
  readonly #folders: SessionFolders;
  readonly #listener: (change: SessionChange) => void;
  readonly #projects = new Map<string, Disposable>();
  /** State of each transcript as it was reported last. */
  readonly #states = new Map<string, string>();
  readonly #due = new Map<string, NodeJS.Timeout>();
  readonly #roots: Disposable[];
  /** Clocks of file systems tick coarsely, so a little earlier. */
  readonly #startedAt = Date.now() - 50;
  #disposed = false;

  constructor(folders: SessionFolders, listener: (change: SessionChange) => void) {
    this.#folders = folders;
    this.#listener = listener;
    this.#roots = folders.roots.map((root) =>
      watchFolder(root, [], () => this.#soon(root, () => this.#lookAtRoot(root, true))),
    );
    for (const root of folders.roots) void this.#lookAtRoot(root, false);
  }

  dispose(): void {
    this.#disposed = true;
    for (const disposable of [...this.#roots, ...this.#projects.values()]) disposable.dispose();
    for (const timer of this.#due.values()) clearTimeout(timer);
  }

  #soon(key: string, look: () => Promise<void>): void {
    if (this.#disposed || this.#due.has(key)) return;
    const timer = setTimeout(() => {
      this.#due.delete(key);
      void look();
    }, settleMs).unref();
    this.#due.set(key, timer);
  }

  /** @param report false at the start, when what is there is not news */
  async #lookAtRoot(root: string, report: boolean): Promise<void> {
    const present = new Set(await projectFolders(root));
    for (const [folder, watching] of this.#projects) {
      if (dirname(folder) !== root || present.has(folder)) continue;
      watching.dispose();
      this.#projects.delete(folder);
      await this.#lookAtFolder(folder, true);
    }
    for (const folder of present) {
      if (this.#disposed || this.#projects.has(folder)) continue;
      this.#projects.set(
        folder,
        watchProject(folder, (name) => this.#onEvent(folder, name)),
      );
      await this.#lookAtFolder(folder, report);
    }
  }

  #onEvent(folder: string, name: string | null): void {
    const file = name === null || sessionIdOf(name) === null ? null : join(folder, name);
    if (file === null) this.#soon(folder, () => this.#lookAtFolder(folder, true));
    else this.#soon(file, () => this.#lookAtFile(file, true));
  }

  async #lookAtFolder(folder: string, report: boolean): Promise<void> {
    const present = (await this.#folders.filesIn(folder)).map(({ file }) => file);
    const known = [...this.#states.keys()].filter((file) => dirname(file) === folder);
    for (const file of new Set([...present, ...known])) await this.#lookAtFile(file, report);
  }

  async #lookAtFile(file: string, report: boolean): Promise<void> {
    const state = await this.#folders.stateOf(file).catch(() => unreadable);
    if (this.#disposed || this.#states.get(file) === state?.text) return;
    if (state === null) return this.#lookForGone(file);
    this.#states.set(file, state.text);
    // The first look takes a while: what changed since the watch began is news even then.
    if (!report && (state.changedAt < this.#startedAt || this.#folders.isKnown(file, state))) return;
    const session = await this.#folders.summary(file).catch(() => null);
    if (!this.#disposed && session !== null) this.#listener({ kind: 'changed', session });
    // It may have grown again while it was read, with no event to come.
    const now = await this.#folders.stateOf(file).catch(() => unreadable);
    if (now?.text !== state.text) this.#soon(file, () => this.#lookAtFile(file, true));
  }

  async #lookForGone(file: string): Promise<void> {
    this.#states.delete(file);
    const sessionId = sessionIdOf(basename(file));
    // Asking for the summary makes the cache forget the file.
    const session = await this.#folders.summary(file);
    if (session === null && sessionId !== null && !this.#disposed) {
      this.#listener({ kind: 'removed', sessionId: sessionIdSchema.parse(sessionId), file });
    }
  }
}

/** Watches the transcripts of all folders, also of those that do not exist yet. */
export function watchSessions(folders: SessionFolders, listener: (change: SessionChange) => void): Disposable {
  return new SessionsWatch(folders, listener);
}
