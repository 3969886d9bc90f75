import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import PQueue from 'p-queue';
import { sessionIdSchema } from '../../core/ids.ts';
import { noSurroundings, type SessionSummary } from '../../core/session/recordedSession.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { entriesOf, plainFile, projectFolders, sessionIdOf } from './projectFiles.ts';
import { summarizeTranscript } from './transcriptSummary.ts';

/** Files open at a time: enough to keep the disk busy, far below every limit on open files. */
const concurrency = 8;

/** What stands for a file's content: two equal texts mean that nothing needs to be read again. */
export interface FileState {
  text: string;
  /** When the file or its name changed last, milliseconds since the epoch. */
  changedAt: number;
}

interface Known {
  /** Facts that change when the file or its title does. */
  state: string;
  /** Null where the file holds nothing to list. */
  summary: SessionSummary | null;
}

export interface SessionFile {
  file: string;
  sessionId: string;
}

/** The transcripts under some `…/projects` folders, each summarized once until it changes. */
export class SessionFolders {
  readonly roots: readonly string[];
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<SessionSummary | null>>();
  readonly #queue = new PQueue({ concurrency });

  readonly #copies: string | null;

  /** @param copies that one of the roots which holds copies of sessions of the others; null where none does */
  constructor(roots: readonly string[], copies: string | null = null) {
    this.roots = roots;
    this.#copies = copies;
  }

  /** All transcripts, whatever they hold. Of a copy and its original only the original, so that nothing is found twice. */
  async files(): Promise<SessionFile[]> {
    const folders = (await Promise.all(this.roots.map(projectFolders))).flat();
    const files = (await Promise.all(folders.map((folder) => this.filesIn(folder)))).flat();
    const copies = this.#copies === null ? null : this.#copies + sep;
    if (copies === null || !files.some(({ file }) => file.startsWith(copies))) return files;
    const originals = new Set(files.filter(({ file }) => !file.startsWith(copies)).map(({ file }) => placeOf(file)));
    return files.filter(({ file }) => !file.startsWith(copies) || !originals.has(placeOf(file)));
  }

  /** Transcripts of one project's folder. */
  async filesIn(folder: string): Promise<SessionFile[]> {
    return (await entriesOf(folder)).flatMap((entry) => {
      const sessionId = sessionIdOf(entry.name);
      return sessionId === null || !entry.isFile() ? [] : { file: join(folder, entry.name), sessionId };
    });
  }

  /**
   * The file's summary, read only if the file changed since it was read last.
   * @returns null where the file is gone or holds nothing to list
   */
  summary(file: string): Promise<SessionSummary | null> {
    const running = this.#running.get(file);
    if (running !== undefined) return running;
    const started = this.#queue.add(() => this.#read(file)).finally(() => this.#running.delete(file));
    this.#running.set(file, started);
    return started;
  }

  /** Summaries of many files, a few at a time. @throws the signal's reason once it aborts */
  async summaries(files: readonly SessionFile[], signal?: AbortSignal): Promise<SessionSummary[]> {
    const left = files.values();
    const found: SessionSummary[] = [];
    const work = async (): Promise<void> => {
      for (const { file } of left) {
        signal?.throwIfAborted();
        const summary = await this.summary(file);
        if (summary !== null) found.push(summary);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return found;
  }

  /** Whether this very state of the file was summarized already. */
  isKnown(file: string, state: FileState): boolean {
    return this.#known.get(file)?.state === state.text;
  }

  /** Null where there is no such file. */
  async stateOf(file: string): Promise<FileState | null> {
    const stats = await plainFile(file);
    if (stats === null) return null;
    const title = await plainFile(join(file.slice(0, -'.jsonl'.length), 'custom-title.json')).catch(() => null);
    const text = [stats.ino, stats.size, stats.mtimeMs, title?.mtimeMs ?? 0].join(':');
    return { text, changedAt: stats.ctimeMs };
  }

  async #read(file: string): Promise<SessionSummary | null> {
    try {
      const state = await this.stateOf(file);
      const known = this.#known.get(file);
      if (state === null) {
        this.#known.delete(file);
        return null;
      }
      if (known?.state === state.text) return known.summary;
      const summary = await summarizeTranscript(file);
      this.#known.set(file, { state: state.text, summary });
      return summary;
    } catch (error) {
      return this.#unreadable(file, error);
    }
  }

  /** A file that can't be read is a row of its own and hides no other. */
  #unreadable(file: string, error: unknown): SessionSummary | null {
    this.#known.delete(file);
    if (fileErrorCode(error) === 'ENOENT') return null;
    const sessionId = sessionIdOf(file.slice(file.lastIndexOf(sep) + 1)) ?? file;
    return {
      sessionId: sessionIdSchema.parse(sessionId),
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
      ...noSurroundings,
    };
  }
}

/** Where a transcript lies in any root. */
function placeOf(file: string): string {
  return join(basename(dirname(file)), basename(file));
}

/** Whether a session ran in a project or below it. Links are followed, so both names of a folder find the same sessions. */
export async function projectMatcher(project: string): Promise<(session: SessionSummary) => boolean> {
  const named = resolve(project);
  const real = await realpath(named).catch(() => named);
  const folders = [...new Set([named, real])];
  return ({ projectPath }) =>
    projectPath !== null &&
    folders.some(
      (folder) => projectPath === folder || projectPath.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`),
    );
}
