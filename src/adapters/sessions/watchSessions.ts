import { dirname } from 'node:path';
import type { Disposable } from '../../core/disposable.ts';
import type { SessionChange } from '../../core/fork/sessionStore.ts';
import { groupBy } from '../../core/groupBy.ts';
import { projectFolders } from '../claudeCode/projectFiles.ts';
import { watchFolder } from '../watchFolder.ts';
import { Agenda } from './watching/agenda.ts';
import { systemWatch, type WatchSystem } from './watching/folderWatch.ts';
import { LiveSessions } from './watching/liveSessions.ts';
import { ProjectWatch, type WatchContext, type WatchedFolders } from './watching/projectWatch.ts';
import { reportsChanges } from './watching/reportsChanges.ts';

type Listener = (change: SessionChange) => void;

/** Writes come in bursts; one look serves a whole burst. */
const delayMs = 120;
/** What no event told of is found this late. */
const sweepMs = 5_000;

/** Watches all projects for any number of listeners. */
class SessionsWatch implements Disposable {
  readonly #system: WatchSystem;
  readonly #listeners = new Set<Listener>();
  readonly #projects = new Map<string, ProjectWatch>();
  readonly #agenda = new Agenda(delayMs);
  readonly #live = new LiveSessions();
  readonly #context: WatchContext;
  readonly #roots: Disposable[];
  #sweeping: NodeJS.Timeout;
  #disposed = false;

  constructor(folders: WatchedFolders, system: WatchSystem) {
    this.#system = system;
    this.#context = {
      folders,
      agenda: this.#agenda,
      live: this.#live,
      tell: (change) => this.#tell(change),
      // Clocks of file systems tick coarsely, so a little earlier.
      startedAt: Date.now() - 50,
    };
    this.#roots = folders.roots.map((root) => watchFolder(root, [], () => this.#rootChanged(root)));
    for (const root of folders.roots) void this.#lookAtRoot(root, false);
    this.#sweeping = this.#sweepLater();
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Returns whether somebody listens still. */
  remove(listener: Listener): boolean {
    this.#listeners.delete(listener);
    return this.#listeners.size > 0;
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#sweeping);
    this.#agenda.dispose();
    this.#live.dispose();
    for (const disposable of [...this.#roots, ...this.#projects.values()]) disposable.dispose();
  }

  #tell(change: SessionChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #rootChanged(root: string): void {
    this.#agenda.add(root, () => this.#lookAtRoot(root, true));
  }

  /** @param report false at the start, when what is there is not news */
  async #lookAtRoot(root: string, report: boolean): Promise<void> {
    const present = new Set(await projectFolders(root));
    const gone = [...this.#projects.values()].filter(({ folder }) => dirname(folder) === root && !present.has(folder));
    for (const project of gone) {
      this.#projects.delete(project.folder);
      await project.lookAtAll(true);
      project.dispose();
    }
    const come = [...present].filter((folder) => !this.#projects.has(folder));
    const stay = [...this.#projects.values()].filter(({ folder }) => dirname(folder) === root);
    const system = come.length > 0 && (await reportsChanges(root)) ? this.#system : null;
    // All are watched before any is looked at: looking takes a while.
    const watched = await Promise.all(come.map((folder) => this.#watchProject(folder, system)));
    const listed = report ? new Map<string, string[]>() : this.#listedIn(root);
    for (const project of watched) {
      if (project === null) continue;
      await project.lookAtAll(report, listed.get(project.folder));
      listed.delete(project.folder);
    }
    // Their folders went with them before they could be watched.
    for (const [folder, files] of listed) {
      if (this.#projects.has(folder)) continue;
      const project = new ProjectWatch(folder, null, this.#context);
      await project.lookAtAll(true, files);
      project.dispose();
    }
    for (const project of stay) await project.sweep();
  }

  /** Files that there were when the sessions were listed, by folder. */
  #listedIn(root: string): Map<string, string[]> {
    const files = [...this.#context.folders.known()].filter((file) => dirname(dirname(file)) === root);
    return groupBy(files, (file) => dirname(file));
  }

  async #watchProject(folder: string, system: WatchSystem | null): Promise<ProjectWatch | null> {
    if (this.#disposed || this.#projects.has(folder)) return null;
    const project = new ProjectWatch(folder, system, this.#context);
    this.#projects.set(folder, project);
    await project.arm();
    return project;
  }

  #sweepLater(): NodeJS.Timeout {
    return setTimeout(() => void this.#sweep(), sweepMs).unref();
  }

  async #sweep(): Promise<void> {
    for (const project of this.#projects.values()) await project.sweep();
    await this.#live.sweep();
    if (!this.#disposed) this.#sweeping = this.#sweepLater();
  }
}

/** One watch serves all who watch the same folders: the tree and every open panel. */
const watches = new WeakMap<WatchedFolders, SessionsWatch>();

/**
 * Watches the transcripts of all folders, also of those that do not exist yet, and the subagents of the sessions that changed
 * last. Tells within a second of a change; where the system can't watch it is polled.
 * @param system what watches one folder. Default: `fs.watch`
 */
export function watchSessions(
  folders: WatchedFolders,
  listener: (change: SessionChange) => void,
  system: WatchSystem = systemWatch,
): Disposable {
  const watch = watches.get(folders) ?? new SessionsWatch(folders, system);
  watches.set(folders, watch);
  // The same function may listen twice.
  const own: Listener = (change) => listener(change);
  watch.add(own);
  return {
    dispose() {
      if (watch.remove(own)) return;
      watch.dispose();
      if (watches.get(folders) === watch) watches.delete(folders);
    },
  };
}
