// src/adapters/sessionFacts: what a summary says beside its transcript: repository, parent, whether it is kept, when
// it will be deleted. What a transcript itself says belongs to src/adapters/sessions.

import { basename, join, resolve } from 'node:path';
import type { Disposable } from '../../core/disposable.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { OpenSession, SessionChange, SessionStore } from '../../core/fork/sessionStore.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { pathInConfig } from '../claudeCode/layout.ts';
import { SummaryFacts } from './summaryFacts.ts';

/** Where our own data lies. Absolute paths, existing or not. */
export interface OwnFolders {
  /** Kept sessions, laid out like a config folder of Claude Code. */
  archive: string;
  /** Our data folder. */
  home: string;
}

/**
 * A session store whose summaries also say what does not stand in the transcripts, and which has a session once, whether
 * it is kept or not.
 * @param inner reads the config folders, and the archive as one more of them
 */
export function completeSessions(inner: SessionStore, folders: OwnFolders): SessionStore {
  const facts = new SummaryFacts(folders);
  const known = new KnownSessions(facts, folders.archive);
  const complete = async (summary: SessionSummary): Promise<SessionSummary> => {
    const [completed] = await facts.complete([summary], known.relatives(summary));
    return completed ?? summary;
  };
  return {
    ...inner,
    folders: inner.folders.filter((folder) => !facts.isArchived(folder)),
    async list({ project, limit, signal } = {}) {
      const summaries = known.reset(await inner.list({ ...(signal && { signal }) }));
      const [listed, matches] = await Promise.all([
        facts.complete(summaries),
        project === undefined ? () => true : facts.projectMatcher(project),
      ]);
      return listed.filter(matches).slice(0, limit);
    },
    async open(session): Promise<OpenSession> {
      const open = await inner.open(session).catch(async (error: unknown) => {
        if (!(error instanceof NotFoundError) || !session.endsWith('.jsonl')) throw error;
        // Runs name the file that they were forked from; when that is gone, the copy says the same.
        return inner.open(known.copyOf(resolve(session))).catch(() => Promise.reject(error));
      });
      // A fork's cost is known by that of its source.
      if (open.session.summary.forkedFrom !== null && known.isEmpty) known.reset(await inner.list());
      open.session.summary = await complete(open.session.summary);
      return open;
    },
    watch: (listener) => new CompleteWatch(inner, known, complete, listener),
  };
}

/** The sessions as they were read last. A copy in the archive is seen only where no original of it is left. */
class KnownSessions {
  readonly #seen = new Map<string, SessionSummary>();

  constructor(
    private readonly facts: SummaryFacts,
    private readonly archive: string,
  ) {}

  /** Replaces all. Returns those that are to be seen, in the given order. */
  reset(summaries: readonly SessionSummary[]): SessionSummary[] {
    const copies = new Set(summaries.filter(({ file }) => this.isCopy(file)).map(({ file }) => file));
    const hidden = new Set<string>();
    if (copies.size > 0) {
      for (const { file } of summaries) if (!copies.has(file)) hidden.add(this.copyOf(file));
    }
    const seen = summaries.filter(({ file }) => !copies.has(file) || !hidden.has(file));
    this.#seen.clear();
    for (const summary of seen) this.set(summary);
    return seen;
  }

  set(summary: SessionSummary): void {
    this.#seen.set(summary.file, summary);
  }

  /** Whether it was seen. */
  delete(file: string): boolean {
    return this.#seen.delete(file);
  }

  isCopy(file: string): boolean {
    return this.facts.isArchived(file);
  }

  /** Path of the copy, existing or not. */
  copyOf(file: string): string {
    return join(this.archive, pathInConfig(file));
  }

  /** Sessions that the copy is one of: usually one. */
  originalsOf(copy: string): SessionSummary[] {
    const name = basename(copy);
    return [...this.#seen.values()].filter(
      ({ file }) => file.endsWith(name) && !this.isCopy(file) && this.copyOf(file) === copy,
    );
  }

  get isEmpty(): boolean {
    return this.#seen.size === 0;
  }

  /** Sessions that may be of the same family, with itself. */
  relatives(summary: SessionSummary): SessionSummary[] {
    const [first] = summary.roots;
    const source = summary.forkedFrom?.sessionId;
    const others = [...this.#seen.values()].filter(({ file }) => file !== summary.file);
    return [
      summary,
      ...others.filter(
        ({ roots, sessionId }) => (first !== undefined && roots.includes(first)) || sessionId === source,
      ),
    ];
  }
}

/** Tells changes of originals and copies as changes of the one session that is seen. In order, one after the other. */
class CompleteWatch implements Disposable {
  readonly #inner: Disposable;
  #last: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(
    private readonly store: SessionStore,
    private readonly known: KnownSessions,
    private readonly complete: (summary: SessionSummary) => Promise<SessionSummary>,
    private readonly listener: (change: SessionChange) => void,
  ) {
    this.#inner = store.watch((change) => {
      this.#last = this.#last.then(() => this.#take(change)).catch(() => undefined);
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.#inner.dispose();
  }

  async #take(change: SessionChange): Promise<void> {
    if (change.kind === 'removed') await this.#removed(change);
    else if (this.known.isCopy(change.session.file)) await this.#copyChanged(change.session, change.subagent);
    else await this.#changed(change.session, change.subagent);
  }

  async #changed(session: SessionSummary, subagent?: string): Promise<void> {
    const copy = this.known.copyOf(session.file);
    // An original that comes back takes the place of its copy.
    if (this.known.delete(copy)) this.#emit({ kind: 'removed', sessionId: session.sessionId, file: copy });
    this.known.set(session);
    await this.#tell(session, subagent);
  }

  async #copyChanged(copy: SessionSummary, subagent?: string): Promise<void> {
    const originals = this.known.originalsOf(copy.file);
    for (const original of originals) await this.#tell(original);
    if (originals.length > 0) return;
    this.known.set(copy);
    await this.#tell(copy, subagent);
  }

  async #removed(change: Extract<SessionChange, { kind: 'removed' }>): Promise<void> {
    this.known.delete(change.file);
    const copy = this.known.copyOf(change.file);
    const originals = this.known.originalsOf(copy);
    if (!this.known.isCopy(change.file)) this.#emit(change);
    else if (originals.length === 0) this.#emit(change);
    else for (const original of originals) await this.#tell(original);
    if (originals.length > 0 || change.file === copy) return;
    // What is left of the session is the copy.
    const open = await this.store.open(copy).catch(() => null);
    if (open !== null) await this.#copyChanged(open.session.summary);
  }

  async #tell(summary: SessionSummary, subagent?: string): Promise<void> {
    const session = await this.complete(summary);
    this.#emit({ kind: 'changed', session, ...(subagent !== undefined && { subagent }) });
  }

  #emit(change: SessionChange): void {
    if (!this.#disposed) this.listener(change);
  }
}
