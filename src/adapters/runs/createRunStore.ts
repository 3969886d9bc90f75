// src/adapters/runs: plans and event logs of runs on disk. Only the owner of a run appends; what events mean is
// foldRun's business.

import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from '../../core/agent/agentFacts.ts';
import type { Disposable } from '../../core/disposable.ts';
import { BadInputError, messageOf, NotFoundError, RunOwnedError, StorageError } from '../../core/errors.ts';
import { type ForkPlan, forkPlanSchema } from '../../core/fork/forkPlan.ts';
import { type BranchId, type RunId, runIdSchema } from '../../core/ids.ts';
import { type BranchEvent, branchEventSchema } from '../../core/run/branchEvent.ts';
import type { GivenAnswer, RunStore } from '../../core/run/ports.ts';
import type { RunUpdate } from '../../core/run/runUpdate.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { type FileLock, isLocked, tryLock } from '../fileLock.ts';
import { watchFolder } from '../watchFolder.ts';
import { writeWhole } from '../writeWhole.ts';
import { FolderTouch, touchFolder } from './folderTouch.ts';
import { JsonLinesWriter, readJsonLines } from './jsonLines.ts';
import { readAnswer, writeAnswer } from './runAnswers.ts';
import { carryOutUpdates, dropRequests, requestUpdate } from './runUpdates.ts';

const planFile = 'plan.json';
const eventsFile = 'events.jsonl';
const ownerFolder = 'owner.lock';
const updatesFolder = 'updates';
const answersFolder = 'answers';

/** Of who follows a log, between two looks, in milliseconds. */
const longestPauseMs = 50;
const shortestPauseMs = 2;

/**
 * Runs as folders: `DIR/<runId>/` holds the plan, the log of events, the owner's lock and requests to it.
 * Any number of processes may share the folder.
 */
export function createRunStore(dir: string): RunStore {
  return new FileRunStore(dir);
}

class FileRunStore implements RunStore {
  readonly #dir: string;
  readonly #writers = new Map<RunId, JsonLinesWriter>();
  readonly #locks = new Map<RunId, FileLock>();
  // What this process changes it hears of at once; what others change comes through the file system.
  readonly #listeners = new Set<(runId: RunId) => void>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async create(plan: ForkPlan, events: readonly BranchEvent[] = []): Promise<boolean> {
    const folder = this.#folder(plan.runId);
    const log = events.map((event) => `${JSON.stringify(event)}\n`).join('');
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      // Filled aside and renamed: the run appears whole, and only one of two dispatches can win.
      const draft = await mkdtemp(path.join(this.#dir, '.new-'));
      try {
        await writeFile(path.join(draft, planFile), JSON.stringify(plan, null, 2), { mode: 0o600 });
        await writeFile(path.join(draft, eventsFile), log, { mode: 0o600 });
        await rename(draft, folder);
      } catch (error) {
        await rm(draft, { recursive: true, force: true });
        if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(fileErrorCode(error) ?? '') && (await this.#exists(plan.runId))) {
          return false;
        }
        throw error;
      }
    } catch (error) {
      throw storageError(`Can't store the run in ${this.#dir}`, error);
    }
    this.#changed(plan.runId);
    return true;
  }

  async plan(runId: RunId): Promise<ForkPlan> {
    const file = path.join(this.#folder(runId), planFile);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      throw isAbsent(error) ? noSuchRun(runId, error) : storageError(`Can't read ${file}`, error);
    });
    try {
      return forkPlanSchema.parse(JSON.parse(text));
    } catch (error) {
      throw new StorageError(`The plan of run ${runId} is damaged: ${file}`, 'Delete the run and dispatch it again.', {
        cause: messageOf(error),
      });
    }
  }

  async amend(plan: ForkPlan): Promise<void> {
    const { runId } = plan;
    // Made anew otherwise, where the run was deleted.
    if (!(await this.#exists(runId))) throw noSuchRun(runId);
    await writeWhole(path.join(this.#folder(runId), planFile), JSON.stringify(plan, null, 2)).catch(
      (error: unknown) => {
        throw storageError(`Can't store the plan of run ${runId}`, error);
      },
    );
    this.#changed(runId);
  }

  async append(event: BranchEvent): Promise<void> {
    const { runId } = event;
    const folder = this.#folder(runId);
    // Another process drives the run now: this one must stop before more is billed.
    if (this.#locks.get(runId)?.lost.aborted && (await this.#exists(runId))) throw ownedByAnother(folder);
    let writer = this.#writers.get(runId);
    if (writer === undefined) {
      const touch = new FolderTouch(folder);
      writer = new JsonLinesWriter(path.join(folder, eventsFile), () => touch.soon());
      this.#writers.set(runId, writer);
    }
    try {
      await writer.append(event);
    } catch (error) {
      throw isAbsent(error) ? noSuchRun(runId, error) : storageError(`Can't write the log of run ${runId}`, error);
    }
    this.#changed(runId);
  }

  async events(runId: RunId): Promise<BranchEvent[]> {
    return (await this.#eventsFrom(runId, 0)).events;
  }

  async *follow(runId: RunId, signal: AbortSignal): AsyncIterable<BranchEvent> {
    let wake = (): void => {};
    let dirty = true;
    const onChange = (): void => {
      dirty = true;
      wake();
    };
    const own = this.#listen((changed) => changed === runId && onChange());
    const others = watchFolder(this.#folder(runId), [eventsFile], onChange);
    signal.addEventListener('abort', onChange);
    try {
      for (let offset = 0; !signal.aborted; ) {
        dirty = false;
        const beganAt = performance.now();
        const more = await this.#eventsFrom(runId, offset).catch((error: unknown) => {
          // Deleted while it was followed: there is no more to come.
          if (error instanceof NotFoundError && offset > 0) return null;
          throw error;
        });
        if (more === null) return;
        offset = more.offset;
        for (const event of more.events) {
          if (signal.aborted) return;
          yield event;
        }
        // On a machine that is busy with the run, each look takes its share: what comes meanwhile is read together.
        const tookMs = performance.now() - beganAt;
        if (tookMs > shortestPauseMs) await delay(Math.min(tookMs, longestPauseMs), undefined, { ref: false });
        if (dirty || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      own.dispose();
      others.dispose();
      signal.removeEventListener('abort', onChange);
    }
  }

  async list(limit = Number.POSITIVE_INFINITY): Promise<RunId[]> {
    const names = await readdir(this.#dir).catch((error: unknown) => {
      if (isAbsent(error)) return [];
      throw storageError(`Can't read ${this.#dir}`, error);
    });
    const ids = names.flatMap((name) => runIdSchema.safeParse(name).data ?? []);
    // Run ids begin with their time, so that their order is the order of creation.
    return ids.sort((a, b) => (a < b ? 1 : -1)).slice(0, limit);
  }

  async delete(runId: RunId): Promise<void> {
    const folder = this.#folder(runId);
    const doomed = path.join(this.#dir, `.deleted-${randomUUID()}`);
    await this.#writers.get(runId)?.close();
    this.#writers.delete(runId);
    try {
      // Renamed first: nobody sees half a run.
      await rename(folder, doomed);
      await rm(doomed, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      throw isAbsent(error) ? noSuchRun(runId, error) : storageError(`Can't delete run ${runId}`, error);
    }
    this.#changed(runId);
  }

  watch(listener: (runId: RunId) => void): Disposable {
    let disposed = false;
    const tell = (runId: RunId): void => {
      // Listing takes a while; who has stopped listening meanwhile hears nothing more.
      if (!disposed) listener(runId);
    };
    const own = this.#listen(tell);
    let known = new Set<RunId>();
    const compare = async (): Promise<void> => {
      const now = new Set(await this.list().catch(() => []));
      for (const id of now) if (!known.has(id)) tell(id);
      for (const id of known) if (!now.has(id)) tell(id);
      known = now;
    };
    void this.list().then(
      (ids) => {
        known = new Set(ids);
      },
      () => {},
    );
    const others = watchFolder(this.#dir, [], (name) => {
      const runId = runIdSchema.safeParse(name).data;
      if (runId === undefined) void compare();
      else tell(runId);
    });
    return {
      dispose() {
        disposed = true;
        own.dispose();
        others.dispose();
      },
    };
  }

  async own(runId: RunId): Promise<Disposable> {
    const folder = this.#folder(runId);
    const drop = (): Promise<void> => dropRequests(path.join(folder, updatesFolder));
    // Requests that a crashed owner left unanswered were meant for a course of the run that is over.
    const lock = await tryLock(path.join(folder, ownerFolder), drop).catch((error: unknown) => {
      throw isAbsent(error) ? noSuchRun(runId, error) : storageError(`Can't take over run ${runId}`, error);
    });
    if (lock === null) throw ownedByAnother(folder);
    this.#locks.set(runId, lock);
    return {
      dispose: () => {
        if (this.#locks.get(runId) === lock) this.#locks.delete(runId);
        void drop()
          .then(() => lock.release())
          .catch(() => {});
      },
    };
  }

  isOwned(runId: RunId): Promise<boolean> {
    return isLocked(path.join(this.#folder(runId), ownerFolder));
  }

  async requestUpdate(runId: RunId, update: RunUpdate): Promise<boolean | null> {
    if (!(await this.#exists(runId))) throw noSuchRun(runId);
    const folder = path.join(this.#folder(runId), updatesFolder);
    return requestUpdate(folder, update, () => this.isOwned(runId));
  }

  onUpdateRequested(runId: RunId, carryOut: (update: RunUpdate) => Promise<boolean>): { dispose(): Promise<void> } {
    return carryOutUpdates(path.join(this.#folder(runId), updatesFolder), carryOut);
  }

  async answer(runId: RunId, branchId: BranchId, callId: string, answer: Answer): Promise<void> {
    if (!(await this.#exists(runId))) throw noSuchRun(runId);
    try {
      await writeAnswer(path.join(this.#folder(runId), answersFolder), { branchId, callId, answer });
    } catch (error) {
      if (error instanceof BadInputError) throw error;
      throw storageError(`Can't store the answer to ${callId}`, error);
    }
    // Those who follow the run look for answers when its folder is touched.
    await touchFolder(this.#folder(runId));
    this.#changed(runId);
  }

  onAnswered(runId: RunId, listener: (given: GivenAnswer) => void): Disposable {
    const folder = path.join(this.#folder(runId), answersFolder);
    const told = new Set<string>();
    let disposed = false;
    let reading = Promise.resolve();
    const read = (): void => {
      reading = reading.then(async () => {
        const names = (await readdir(folder).catch(() => [] as string[])).sort();
        for (const name of names) {
          if (told.has(name) || disposed) continue;
          const given = await readAnswer(path.join(folder, name));
          if (given === null) continue;
          told.add(name);
          if (!disposed) listener(given);
        }
      });
    };
    const own = this.#listen((changed) => changed === runId && read());
    const others = watchFolder(this.#folder(runId), [answersFolder], read);
    read();
    return {
      dispose() {
        disposed = true;
        own.dispose();
        others.dispose();
      },
    };
  }

  #folder(runId: RunId): string {
    // Ids come from command lines and other processes; one that isn't an id must not become a path.
    if (!runIdSchema.safeParse(runId).success) throw noSuchRun(runId);
    return path.join(this.#dir, runId);
  }

  async #exists(runId: RunId): Promise<boolean> {
    const names: string[] = await readdir(this.#folder(runId)).catch(() => []);
    return names.includes(planFile);
  }

  async #eventsFrom(runId: RunId, offset: number): Promise<{ events: BranchEvent[]; offset: number }> {
    const file = path.join(this.#folder(runId), eventsFile);
    const read = await readJsonLines(file, offset).catch((error: unknown) => {
      throw isAbsent(error) ? noSuchRun(runId, error) : storageError(`Can't read ${file}`, error);
    });
    // An event of a newer version says nothing to us; the others still do.
    const events = read.values.flatMap((value) => branchEventSchema.safeParse(value).data ?? []);
    return { events, offset: read.offset };
  }

  #listen(listener: (runId: RunId) => void): Disposable {
    const own = (runId: RunId): void => listener(runId);
    this.#listeners.add(own);
    return { dispose: () => void this.#listeners.delete(own) };
  }

  #changed(runId: RunId): void {
    for (const listener of this.#listeners) listener(runId);
  }
}

function noSuchRun(runId: string, cause?: unknown): NotFoundError {
  return new NotFoundError(`There is no run ${JSON.stringify(runId)}.`, 'List the runs with `forkpoint runs`.', null, {
    cause,
  });
}

function ownedByAnother(folder: string): RunOwnedError {
  return new RunOwnedError('Another process drives this run.', 'Wait for it, or cancel the run.', { folder });
}

function storageError(what: string, cause: unknown): StorageError {
  const hint = 'Check that the folder is readable and writable and the disk is not full.';
  return new StorageError(`${what}: ${messageOf(cause)}`, hint, null, { cause });
}
