// src/adapters/sessions/watching: how changes on disk are noticed: a watch for each folder, polling where there is
// none. It tells that something changed, never what.

import { basename, join } from 'node:path';
import type { Disposable } from '../../../core/disposable.ts';
import type { SessionChange } from '../../../core/fork/sessionStore.ts';
import type { SessionId } from '../../../core/ids.ts';
import { sessionIdOf } from '../../claudeCode/layout.ts';
import { subagentOwner } from '../../claudeCode/subagentOwner.ts';
import type { SessionFolders, SessionStamp } from '../sessionFolders.ts';
import type { Agenda } from './agenda.ts';
import { type FolderState, folderState } from './folderState.ts';
import { FolderWatch, type WatchSystem } from './folderWatch.ts';
import type { LiveSessions } from './liveSessions.ts';
import { OwnFolderWatch } from './ownFolderWatch.ts';

/** What of the store the watch works with. */
export type WatchedFolders = Pick<
  SessionFolders,
  'roots' | 'filesIn' | 'stampNow' | 'known' | 'knows' | 'isKnown' | 'summary'
>;

/** What the watches of all projects share. */
export interface WatchContext {
  readonly folders: WatchedFolders;
  readonly agenda: Agenda;
  readonly live: LiveSessions;
  readonly tell: (change: SessionChange) => void;
  /** Milliseconds since the epoch: what changed before is not news. */
  readonly startedAt: number;
}

/** A session that was quiet for so long has no subagent at work when the watch begins. */
const recentMs = 6 * 3_600_000;

const unreadable: SessionStamp = { text: 'unreadable', changedAt: 0 };

/** The transcripts of one project's folder: tells those that appear, grow, are rewritten, renamed or go. Reads only what changed. */
export class ProjectWatch implements Disposable {
  readonly folder: string;
  readonly #context: WatchContext;
  readonly #system: WatchSystem | null;
  /** State of each transcript as it was told last, by path. */
  readonly #states = new Map<string, string>();
  #watch: FolderWatch | null = null;
  /** Which folder it is, and its time, as they were seen last. */
  #seen: FolderState | null = null;
  #disposed = false;

  /** @param system null where changes in this folder are not reported */
  constructor(folder: string, system: WatchSystem | null, context: WatchContext) {
    this.folder = folder;
    this.#system = system;
    this.#context = context;
  }

  /** Begins to watch the folder. The folder that lies there now may be another than before. */
  async arm(): Promise<void> {
    this.#seen = await folderState(this.folder);
    this.#watch?.dispose();
    if (this.#disposed) return;
    this.#watch = new FolderWatch(
      this.folder,
      (name) => this.#told(name),
      () => this.lookAtAll(true),
      this.#system,
    );
  }

  dispose(): void {
    this.#disposed = true;
    this.#watch?.dispose();
    for (const file of this.#states.keys()) this.#context.live.forget(file);
  }

  /**
   * Looks at all files of the folder and at those that are known of it.
   * @param report false at the start, when what is there is not news
   * @param listed files that there were when the sessions were listed; it is news that one is gone, at the start too
   */
  async lookAtAll(report: boolean, listed: readonly string[] = []): Promise<void> {
    const present = (await this.#context.folders.filesIn(this.folder)).map(({ file }) => file);
    for (const file of new Set([...present, ...this.#states.keys(), ...listed])) {
      if (this.#disposed) return;
      await this.#lookAt(file, report);
    }
  }

  /**
   * Finds what no event told of: events get lost when very many come at once, and a folder that was made anew under the
   * same name has none.
   */
  async sweep(): Promise<void> {
    const now = await folderState(this.folder);
    if (now === null || this.#disposed) return;
    const seen = this.#seen;
    if (now.identity !== seen?.identity) {
      await this.arm();
      await this.lookAtAll(true);
    } else if (now.mtimeMs !== seen.mtimeMs) {
      this.#seen = now;
      await this.#lookForNames();
    }
  }

  async #lookForNames(): Promise<void> {
    const present = new Set((await this.#context.folders.filesIn(this.folder)).map(({ file }) => file));
    const come = [...present].filter((file) => !this.#states.has(file));
    const gone = [...this.#states.keys()].filter((file) => !present.has(file));
    for (const file of [...come, ...gone]) await this.#lookAt(file, true);
  }

  #told(name: string | null): void {
    const { agenda } = this.#context;
    if (name === null) agenda.add(this.folder, () => this.lookAtAll(true));
    else if (sessionIdOf(name) !== null) this.#soon(join(this.folder, name));
    else if (name.endsWith('.jsonl')) agenda.add(join(this.folder, name), () => this.#subagentBeside(name));
    else this.#folderOf(`${join(this.folder, name)}.jsonl`);
  }

  #soon(file: string): void {
    this.#context.agenda.add(file, () => this.#lookAt(file, true));
  }

  /** A session's own folder has come, or is another now. */
  #folderOf(file: string): void {
    if (!this.#states.has(file)) return;
    this.#live(file, Date.now());
    this.#soon(file);
  }

  #live(file: string, changedAt: number): void {
    const { agenda, live } = this.#context;
    const told = {
      title: () => this.#soon(file),
      subagent: (subagent: string) => agenda.add(subagent, () => this.#tell(file, subagent)),
    };
    live.touch(file, changedAt, () => ({
      own: new OwnFolderWatch(file.slice(0, -'.jsonl'.length), told, this.#system),
      look: () => this.#lookAt(file, true),
    }));
  }

  async #subagentBeside(name: string): Promise<void> {
    const subagent = join(this.folder, name);
    const sessionId = subagentOwner(subagent);
    const file = sessionId === null ? null : join(this.folder, `${sessionId}.jsonl`);
    if (file !== null && this.#states.has(file)) await this.#tell(file, subagent);
  }

  async #lookAt(file: string, report: boolean): Promise<void> {
    const { folders, startedAt } = this.#context;
    const state = await folders.stampNow(file).catch(() => unreadable);
    if (this.#disposed) return;
    if (state === null) return this.#lookForGone(file);
    if (this.#states.get(file) === state.text) return;
    this.#states.set(file, state.text);
    const changedAt = report ? Date.now() : state.changedAt;
    if (changedAt > startedAt - recentMs) this.#live(file, changedAt);
    // The first look takes a while: what changed since the watch began is news even then.
    if (!report && (state.changedAt < startedAt || folders.isKnown(file, state))) return;
    await this.#tell(file);
    // It may have grown again while it was read, with no event to come.
    const now = await folders.stampNow(file).catch(() => unreadable);
    if (now?.text !== state.text) this.#soon(file);
  }

  /** @param subagent file of a subagent of the session that changed */
  async #tell(file: string, subagent?: string): Promise<void> {
    const session = await this.#context.folders.summary(file).catch(() => undefined);
    if (this.#disposed || session === undefined) return;
    // Emptied: nothing in it is a session any more.
    if (session === null) this.#tellRemoved(file);
    else this.#context.tell({ kind: 'changed', session, ...(subagent !== undefined && { subagent }) });
  }

  async #lookForGone(file: string): Promise<void> {
    const { folders, live } = this.#context;
    // Whoever listed the sessions has it, even if it went before the watch saw it.
    const wasThere = this.#states.delete(file) || folders.knows(file);
    if (!wasThere) return;
    live.forget(file);
    // Asking for the summary makes the cache forget the file.
    const session = await folders.summary(file).catch(() => null);
    if (!this.#disposed && session === null) this.#tellRemoved(file);
  }

  #tellRemoved(file: string): void {
    const sessionId = sessionIdOf(basename(file));
    if (sessionId !== null) this.#context.tell({ kind: 'removed', sessionId: sessionId as SessionId, file });
  }
}
