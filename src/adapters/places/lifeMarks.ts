import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { messageOf, PlaceError, StorageError } from '../../core/errors.ts';
import { fileErrorCode } from '../fileErrors.ts';
import { startOf, statusOf } from '../processStart.ts';
import { processIds } from './placeProcesses.ts';

const markSchema = z.object({ pid: z.int().positive(), started: z.string(), token: z.string() });
type Mark = z.infer<typeof markSchema>;

// All of this waits for nothing: `Place.spawn` gives its process at once, and must refuse a second one at once.

/** Processes that this one started, the oldest first. Linux only. */
export function childrenOf(pid: number): number[] {
  return processIds()
    .flatMap((id) => {
      const facts = statusOf(id);
      return facts?.parent === pid && facts.state !== 'Z' ? [{ id: Number(id), started: Number(facts.started) }] : [];
    })
    .sort((a, b) => a.started - b.started || a.id - b.id)
    .map(({ id }) => id);
}

/** Marks in a folder that say which processes live in a place. */
export class LifeMarks {
  /** @param folder made with the first mark */
  constructor(private readonly folder: string) {}

  /** Is there a mark whose process lives? */
  isLived(): boolean {
    try {
      return readdirSync(this.folder).some((name) => isAlive(readMark(path.join(this.folder, name))));
    } catch {
      return false;
    }
  }

  /**
   * Marks that this process is about to start one.
   * @param name one for each process that may live there at once
   * @throws PlaceError where a live process has the mark of that name; StorageError where none can be written
   */
  take(name: string): TakenMark {
    const file = path.join(this.folder, name);
    const mark: Mark = { pid: process.pid, started: startOf(process.pid) ?? '', token: crypto.randomUUID() };
    for (let attempt = 0; ; attempt += 1) {
      try {
        mkdirSync(this.folder, { recursive: true, mode: 0o700 });
        this.#create(file, mark);
        return new TakenMark(file, mark.token);
      } catch (error) {
        if (fileErrorCode(error) !== 'EEXIST') throw notMarked(error);
        if (attempt > 3 || !this.#removeDead(file)) throw livedIn();
      }
    }
  }

  /** Whole or not at all: nobody is to read half a mark and take its process for dead. */
  #create(file: string, mark: Mark): void {
    const draft = path.join(this.folder, `.draft-${mark.token}`);
    try {
      writeFileSync(draft, JSON.stringify(mark), { mode: 0o600 });
      linkSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
  }

  /** Takes a dead process's mark away, in a way that never takes one that was made meanwhile. */
  #removeDead(file: string): boolean {
    if (isAlive(readMark(file))) return false;
    const aside = path.join(this.folder, `.dead-${crypto.randomUUID()}`);
    try {
      renameSync(file, aside);
    } catch {
      return true;
    }
    const alive = isAlive(readMark(aside));
    if (alive) {
      try {
        linkSync(aside, file);
      } catch {
        // A third one was quicker; the mark's owner is heard of by its process then.
        return false;
      }
    }
    rmSync(aside, { force: true });
    return !alive;
  }
}

/** A mark that this process made. */
export class TakenMark {
  readonly #file: string;
  readonly #token: string;

  constructor(file: string, token: string) {
    this.#file = file;
    this.#token = token;
  }

  /** Names the process that it marks as alive from now on. @throws StorageError */
  giveTo(pid: number): void {
    const draft = path.join(path.dirname(this.#file), `.draft-${crypto.randomUUID()}`);
    try {
      writeFileSync(draft, JSON.stringify({ pid, started: startOf(pid) ?? '', token: this.#token }), { mode: 0o600 });
      renameSync(draft, this.#file);
    } catch (error) {
      rmSync(draft, { force: true });
      throw notMarked(error);
    }
  }

  release(): void {
    if (readMark(this.#file)?.token === this.#token) rmSync(this.#file, { force: true });
  }
}

function readMark(file: string): Mark | null {
  try {
    return markSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

function isAlive(mark: Mark | null): boolean {
  return mark !== null && mark.started !== '' && startOf(mark.pid) === mark.started;
}

function notMarked(error: unknown): StorageError {
  return new StorageError(
    `The branch’s place can’t be marked as lived in: ${messageOf(error)}`,
    'Check that the folder is writable and the disk is not full.',
    undefined,
    { cause: error },
  );
}

export function livedIn(): PlaceError {
  return new PlaceError('A process lives in this branch’s place.', 'Wait until it ends, or cancel the branch.');
}
