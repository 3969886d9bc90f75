import type { Stats } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { SessionId } from '../../core/ids.ts';
import { comparablePath, isWithin } from '../../core/session/projectFolder.ts';
import { noContext, type SessionSummary } from '../../core/session/recordedSession.ts';
import { customTitleFile } from '../claudeCode/customTitle.ts';
import { sessionIdOf } from '../claudeCode/layout.ts';
import { projectFolders } from '../claudeCode/projectFiles.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { stampOf } from '../fileStamp.ts';
import { entriesOf, plainFileSync } from '../plainFiles.ts';
import { folderNames } from './folderNames.ts';
import {
  type ForeignTitle,
  folderOf,
  type LeafTitles,
  leafTitlesByFolder,
  titleIn,
  titlesSum,
} from './foreignTitles.ts';
import type { GrowingScans } from './growingScans.ts';
import type { SessionIndex, StoredSummary } from './sessionIndex.ts';

/** Less than this is read before a thread has started. */
const worthThreads = 64 * 1024 * 1024;
/** Of so many files of which nothing is known yet it is likely that they are worth it: it need not be waited for their sizes. */
const likelyWorthThreads = 200;
/** How long a listing may hold up other work of its thread. */
const sliceMs = 10;

/** What stands for a file's content: two equal texts mean that nothing needs to be read again. */
export interface SessionStamp {
  text: string;
  /** When the file or its name changed last, milliseconds since the epoch. */
  changedAt: number;
}

export interface SessionFile {
  file: string;
  sessionId: string;
  /** Is there a folder of the session's own beside the file? */
  hasFolder: boolean;
}

/** Loaded here: mostly the index knows every file. */
async function startSummaryThreads(): Promise<Worker[]> {
  return (await import('./summarizeInThreads.ts')).startSummaryThreads();
}

/** The transcripts under some `…/projects` folders, each summarized once until it changes. */
export class SessionFolders {
  readonly roots: readonly string[];
  readonly #copies: string | null;
  readonly #index: SessionIndex | null;
  readonly #onGone: () => Promise<void>;
  #recalled = false;
  readonly #known = new Map<string, StoredSummary>();
  /** Read since the index was written last. */
  readonly #unsaved = new Set<string>();
  readonly #running = new Map<string, Promise<SessionSummary | null>>();
  #growing: GrowingScans | null = null;

  /**
   * @param copies that one of the roots which holds copies of sessions of the others; null where none does
   * @param index what earlier processes have read; null to cache nothing
   * @param onGone called when a listing no longer finds files that there were
   */
  constructor(
    roots: readonly string[],
    copies: string | null = null,
    index: SessionIndex | null = null,
    onGone: () => Promise<void> = async () => {},
  ) {
    this.roots = roots;
    this.#copies = copies;
    this.#index = index;
    this.#onGone = onGone;
  }

  /** All transcripts, whatever they hold. Of a copy and its original only the original, so that nothing is found twice. */
  async files(): Promise<SessionFile[]> {
    const folders = (await Promise.all(this.roots.map(projectFolders))).flat();
    const files = (await Promise.all(folders.map((folder) => this.filesIn(folder)))).flat();
    const copies = this.#copies === null ? null : this.#copies + sep;
    if (copies === null || !files.some(({ file }) => file.startsWith(copies))) return files;
    const originals = new Set(
      files.filter(({ file }) => !file.startsWith(copies)).map(({ file }) => pathInProjects(file)),
    );
    return files.filter(({ file }) => !file.startsWith(copies) || !originals.has(pathInProjects(file)));
  }

  /** Transcripts of one project's folder. */
  async filesIn(folder: string): Promise<SessionFile[]> {
    const entries = await entriesOf(folder);
    const folders = new Set(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name));
    return entries.flatMap((entry) => {
      const sessionId = sessionIdOf(entry.name);
      if (sessionId === null || !entry.isFile()) return [];
      // Thousands of paths: put together by hand they cost a tenth of what `join` takes.
      return { file: `${folder}${sep}${entry.name}`, sessionId, hasFolder: folders.has(sessionId) };
    });
  }

  /**
   * The file's summary, read only if the file changed since it was read last.
   * @returns null where the file is gone or holds nothing to list
   */
  async summary(file: string): Promise<SessionSummary | null> {
    const summary = await this.#summaryOf(file);
    return summary === null || !isListed(summary) ? null : this.#named(summary, this.#leafTitlesBeside(file));
  }

  /** A session that was opened, with the name that it has in the list. */
  async named(summary: SessionSummary): Promise<SessionSummary> {
    if (!mayBeNamedElsewhere(summary)) return summary;
    this.#recall();
    await this.#summaries(await this.filesIn(folderOf(summary.file)), null, undefined);
    return this.#named(summary, this.#leafTitlesBeside(summary.file));
  }

  #leafTitlesBeside(file: string): ReadonlyMap<string, LeafTitles> {
    const folder = folderOf(file);
    const beside = [...this.#known].flatMap(([other, { summary }]) => (folderOf(other) === folder ? summary : []));
    return leafTitlesByFolder(beside);
  }

  /** The summary with the title that other files of its folder have for it. */
  #named(summary: SessionSummary, byFolder: ReadonlyMap<string, LeafTitles>): SessionSummary {
    const isAsked = byFolder.size > 0 && mayBeNamedElsewhere(summary);
    const titles = isAsked ? byFolder.get(folderOf(summary.file)) : undefined;
    if (titles === undefined) return summary;
    const asked = titlesSum(titles);
    const known = this.#known.get(summary.file);
    let titled = known?.titled;
    if (titled?.asked !== asked) {
      titled = { asked, title: titleIn(summary.file, titles) };
      if (known !== undefined) this.#learn(summary.file, known.state, known.summary, titled);
    }
    return titled.title === null ? summary : { ...summary, title: titled.title, isNamed: true };
  }

  #summaryOf(file: string): Promise<SessionSummary | null> {
    const running = this.#running.get(file);
    if (running !== undefined) return running;
    const started = this.#read(file).finally(() => this.#running.delete(file));
    this.#running.set(file, started);
    return started;
  }

  /** Summaries of all files. @throws the signal's reason once it aborts */
  async summaries(files: readonly SessionFile[], signal?: AbortSignal): Promise<SessionSummary[]> {
    this.#recall();
    const early = this.#known.size === 0 && files.length >= likelyWorthThreads ? await startSummaryThreads() : null;
    try {
      const found = await this.#summaries(files, early, signal);
      const titles = leafTitlesByFolder(found);
      const listed = found.filter(isListed).map((each) => this.#named(each, titles));
      await this.#save(files);
      return listed;
    } finally {
      for (const thread of early ?? []) void thread.terminate();
    }
  }

  /** @param early threads that were started already */
  async #summaries(
    files: readonly SessionFile[],
    early: readonly Worker[] | null,
    signal: AbortSignal | undefined,
  ): Promise<SessionSummary[]> {
    const found: SessionSummary[] = [];
    const changed: { file: string; bytes: number; state: string | null }[] = [];
    for (const { file, hasFolder } of files) {
      const stats = plainFileSync(file);
      const state = stats === null ? null : stateFrom(stats, file, hasFolder).text;
      const known = this.#known.get(file);
      if (state === null || known?.state !== state) changed.push({ file, bytes: stats?.size ?? 0, state });
      else if (known.summary !== null) found.push(known.summary);
    }
    if (changed.reduce((sum, { bytes }) => sum + bytes, 0) >= worthThreads)
      await this.#readInThreads(changed, early ?? (await startSummaryThreads()), signal);
    let pause = Date.now() + sliceMs;
    for (const { file, state } of changed) {
      signal?.throwIfAborted();
      const known = this.#known.get(file);
      const summary = known !== undefined && known.state === state ? known.summary : await this.#summaryOf(file);
      if (summary !== null) found.push(summary);
      if (Date.now() < pause) continue;
      await new Promise(setImmediate);
      pause = Date.now() + sliceMs;
    }
    return found;
  }

  /** Files that were summarized, and not seen to be gone since. */
  known(): Iterable<string> {
    return this.#known.keys();
  }

  /** Whether some state of the file was summarized, and it was not seen to be gone since. */
  knows(file: string): boolean {
    return this.#known.has(file);
  }

  /** Whether this very state of the file was summarized already. */
  isKnown(file: string, state: SessionStamp): boolean {
    return this.#known.get(file)?.state === state.text;
  }

  /** Null where there is no such file. */
  async stampNow(file: string): Promise<SessionStamp | null> {
    const stats = plainFileSync(file);
    return stats === null ? null : stateFrom(stats, file, true);
  }

  #recall(): void {
    if (this.#recalled || this.#index === null) return;
    this.#recalled = true;
    for (const [file, known] of this.#index.summaries()) if (!this.#known.has(file)) this.#known.set(file, known);
  }

  /** @param present all files that there are */
  async #save(present: readonly SessionFile[]): Promise<void> {
    if (this.#index === null) return;
    this.#index.putSummaries(
      [...this.#unsaved].flatMap((file) => {
        const known = this.#known.get(file);
        return known === undefined ? [] : { file, ...known };
      }),
    );
    this.#unsaved.clear();
    const files = new Set(present.map(({ file }) => file));
    const gone = [...this.#known.keys()].filter((file) => !files.has(file) && this.#isOurs(file));
    for (const file of gone) this.#known.delete(file);
    if (gone.length === 0) return;
    this.#index.forget(gone);
    await this.#onGone();
  }

  /** The index may be shared with a command line that reads other folders. */
  #isOurs(file: string): boolean {
    return this.roots.some((root) => file.startsWith(root + sep));
  }

  #learn(file: string, state: string, summary: SessionSummary | null, titled?: ForeignTitle): void {
    this.#known.set(file, { state, summary, ...(titled && { titled }) });
    this.#unsaved.add(file);
  }

  async #readInThreads(
    files: readonly { file: string; bytes: number; state: string | null }[],
    threads: readonly Worker[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const states = new Map(files.map(({ file, state }) => [file, state]));
    // The longest first: what one thread begins last should not keep the other waiting.
    const order = [...files].sort((a, b) => b.bytes - a.bytes).map(({ file }) => file);
    const { summarizeInThreads } = await import('./summarizeInThreads.ts');
    for await (const { file, summary } of summarizeInThreads(order, threads, signal)) {
      const state = states.get(file) ?? null;
      if (state !== null) this.#learn(file, state, summary);
    }
  }

  async #read(file: string): Promise<SessionSummary | null> {
    try {
      const state = await this.stampNow(file);
      const known = this.#known.get(file);
      if (state === null) {
        this.#forget(file);
        return null;
      }
      if (known?.state === state.text) return known.summary;
      const summary = await this.#summarize(file, known !== undefined);
      this.#learn(file, state.text, summary);
      return summary;
    } catch (error) {
      return this.#unreadable(file, error);
    }
  }

  /** Loaded here: mostly the index knows every file. @param grows whether the file may change more than once */
  async #summarize(file: string, grows: boolean): Promise<SessionSummary | null> {
    if (!grows) return (await import('./transcriptSummary.ts')).summarizeTranscript(file);
    const { GrowingScans } = await import('./growingScans.ts');
    this.#growing ??= new GrowingScans();
    return this.#growing.summarize(file);
  }

  #forget(file: string): void {
    this.#known.delete(file);
    this.#growing?.forget(file);
  }

  /** A file that can't be read is a row of its own and hides no other. */
  #unreadable(file: string, error: unknown): SessionSummary | null {
    this.#forget(file);
    if (fileErrorCode(error) === 'ENOENT') return null;
    const sessionId = sessionIdOf(file.slice(file.lastIndexOf(sep) + 1)) ?? file;
    return {
      sessionId: sessionId as SessionId,
      file,
      projectPath: null,
      title: `Unreadable session (${fileErrorCode(error) ?? 'error'})`,
      turns: 0,
      firstAt: null,
      lastAt: null,
      bytes: 0,
      models: [],
      costUsd: null,
      gitBranch: null,
      version: null,
      problems: 1,
      modifiedAt: null,
      roots: [],
      forkedFrom: null,
      isNamed: false,
      foreignTitles: [],
      ...noContext,
    };
  }
}

/** A file without messages is known for the titles that it has for others. */
function isListed({ turns, problems, firstAt, foreignTitles }: SessionSummary): boolean {
  return turns > 0 || problems > 0 || firstAt !== null || foreignTitles.length === 0;
}

/** Up to version 2.0 Claude Code wrote titles of old sessions into new ones; later ones name a session in its own file only. */
function mayBeNamedElsewhere({ isNamed, version }: SessionSummary): boolean {
  return !isNamed && (version === null || /^(?:[01]\.|2\.0\.)/.test(version));
}

function stateFrom(stats: Stats, file: string, hasFolder: boolean): SessionStamp {
  const title = hasFolder ? titleStats(file) : null;
  const text = [stampOf(stats).text, title === null ? '' : stampOf(title).text].join(' ');
  return { text, changedAt: stats.ctimeMs };
}

function titleStats(file: string): Stats | null {
  try {
    return plainFileSync(customTitleFile(file));
  } catch {
    return null;
  }
}

/** Where a transcript lies in any root. */
function pathInProjects(file: string): string {
  return join(basename(dirname(file)), basename(file));
}

/** Whether a session ran in a project or below it. Links are followed, so both names of a folder find the same sessions. */
export async function projectMatcher(project: string): Promise<(session: SessionSummary) => boolean> {
  const folders = [...(await folderNames(project))].map(comparablePath);
  return ({ projectPath }) =>
    projectPath !== null && folders.some((folder) => isWithin(comparablePath(projectPath), folder));
}
