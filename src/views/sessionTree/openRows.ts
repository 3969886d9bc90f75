import type { TurnOutline } from '../../core/session/recordedSession.ts';
import type { InsideSessionNode, SessionNode } from './sessionNodes.ts';

/** Sessions whose rows are cached, so that a refresh around them doesn't read their files again. */
const maxCached = 8;

/** A session's rows as they are read. */
export interface SessionRows {
  rows: InsideSessionNode[];
  /** What they were made of. As long as it is held, reading again costs what has changed. */
  source: unknown;
}

interface OpenSessionRows extends SessionRows {
  /** False once the recording has changed. */
  fresh: boolean;
}

/**
 * The rows under the sessions that are unfolded. While Claude Code writes, nearly every change adds to the last turn of a
 * session that may have thousands: then only that row is shown anew.
 */
export class OpenRows {
  /** By path of the transcript. */
  readonly #sessions = new Map<string, OpenSessionRows>();
  readonly #read: (session: SessionNode) => Promise<SessionRows>;

  /** @param read makes a session's rows of its recording as it is now */
  constructor(read: (session: SessionNode) => Promise<SessionRows>) {
    this.#read = read;
  }

  /** The rows of a session that is being unfolded or shown anew. */
  async of(session: SessionNode): Promise<InsideSessionNode[]> {
    const known = this.#sessions.get(session.file);
    if (known?.fresh) return known.rows;
    const read = await this.#read(session);
    this.#sessions.set(session.file, { ...read, fresh: true });
    for (const file of this.#sessions.keys()) {
      if (this.#sessions.size <= maxCached) break;
      this.#sessions.delete(file);
    }
    return read.rows;
  }

  /** The recording of a session has changed. */
  changed(file: string): void {
    const known = this.#sessions.get(file);
    if (known !== undefined) known.fresh = false;
  }

  /** Returns whether there were any. */
  drop(file: string): boolean {
    return this.#sessions.delete(file);
  }

  clear(): void {
    this.#sessions.clear();
  }

  /**
   * Reads the rows of a session that has changed.
   * @returns those that look different, the same objects as before; null where that doesn't do, because rows came or went or
   * none are shown
   */
  async refresh(session: SessionNode): Promise<InsideSessionNode[] | null> {
    const known = this.#sessions.get(session.file);
    if (known === undefined) return null;
    known.fresh = true;
    const { rows: now, source } = await this.#read(session);
    // Folded, or read anew by somebody else in the meantime.
    if (this.#sessions.get(session.file) !== known) return null;
    known.source = source;
    const shown = known.rows;
    if (shown.length !== now.length || shown.some(({ id }, index) => id !== now[index]?.id)) {
      known.rows = now;
      return null;
    }
    return shown.filter((row, index) => takeOver(row, now[index]));
  }
}

/** Makes a row the one that it is now: the editor knows it by its object. @returns whether it looks different */
function takeOver(row: InsideSessionNode, now: InsideSessionNode | undefined): boolean {
  if (now === undefined || isSame(row, now)) return false;
  const looksDifferent = look(row) !== look(now);
  Object.assign(row, now);
  return looksDifferent;
}

/** Turns that did not change come as the same objects. */
function isSame(row: InsideSessionNode, now: InsideSessionNode): boolean {
  if (row.kind !== 'turn' || now.kind !== 'turn' || row.data !== now.data) return false;
  return row.beside.length === 0 && now.beside.length === 0;
}

/** What tells whether a row, or something below it, looks different. Short: it is made for every turn. */
function look(row: InsideSessionNode): string {
  switch (row.kind) {
    case 'turn':
      return `${turnLook(row.data)}[${row.beside.map(({ node }) => look(node)).join()}]`;
    case 'abandoned':
      return `${row.id}[${row.turns.map(look).join()}]`;
    case 'subagent':
    case 'fork':
    case 'compaction':
    case 'step':
      return `${row.id} ${JSON.stringify(row.data)}`;
  }
}

/** Lines are only added to a turn: to its last reply, or behind it. */
function turnLook({ turnId, prompt, steps, absorbed, usage, error, interrupted, compactedAway }: TurnOutline): string {
  const last = steps.at(-1);
  const answered = last?.toolCalls.filter(({ result }) => result !== null).length;
  return [
    turnId,
    prompt.length,
    steps.length,
    last?.uuids.length,
    answered,
    usage.outputTokens,
    absorbed.length,
    error,
    interrupted,
    compactedAway,
  ].join();
}
