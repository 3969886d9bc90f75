import path from 'node:path';
import * as z from 'zod';
import type { BlobStore } from '../../core/blobStore.ts';
import { NotFoundError } from '../../core/errors.ts';
import { blobRefSchema, type RunId } from '../../core/ids.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import type { RunStore } from '../../core/run/ports.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { isAbsent } from '../fileErrors.ts';
import { withLock } from '../fileLock.ts';
import { readJsonLines } from '../runs/jsonLines.ts';
import type { Segment, SharedLog } from './sharedLog.ts';
import { readSharedPlan } from './sharedRun.ts';

/** Replies that are copied at once. */
const fetchedAtOnce = 8;

/** Where a copied event stands in the shared log: segment, place in it, and how many it has. */
const positionSchema = z.tuple([z.number(), z.number(), z.number()]);
const lineSchema = z.object({ type: z.string(), position: positionSchema.optional() });
const repliedSchema = z.object({ type: z.literal('step-completed'), result: z.object({ reply: blobRefSchema }) });

export interface LogMirrorDeps {
  runId: RunId;
  /** Of the run, on this machine. */
  folder: string;
  local: Pick<RunStore, 'append' | 'amend'>;
  store: SharedStore;
  log: SharedLog;
  blobs: Pick<BlobStore, 'get'>;
}

/**
 * Copies the log of a shared run into the run's log on this machine. Each copied event carries its place in the shared log, so the
 * copy itself says where to go on: any number of processes may copy, one after the other, and one that dies leaves nothing to mend.
 */
export class LogMirror {
  readonly #deps: LogMirrorDeps;
  #offset = 0;
  /** What comes next. */
  #segment = 1;
  #index = 0;
  #isOver = false;
  #copying: Promise<unknown> = Promise.resolve();

  constructor(deps: LogMirrorDeps) {
    this.#deps = deps;
  }

  /** Whether the last event says that the run has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Copies what has come since. @returns whether something has @throws NotFoundError where the run was deleted; StorageError */
  copy(): Promise<boolean> {
    const copied = this.#copying.then(() => this.#copy());
    this.#copying = copied.catch(() => {});
    return copied;
  }

  async #copy(): Promise<boolean> {
    await this.#readOn();
    const segments = await this.#deps.log.read(this.#deps.runId, this.#segment);
    if (!segments.some((segment) => this.#newOf(segment).length > 0)) return false;
    const events = segments.flatMap((segment) => segment.events);
    for (let at = 0; at < events.length; at += fetchedAtOnce) {
      await Promise.all(events.slice(at, at + fetchedAtOnce).map((event) => this.#fetchReply(event)));
    }
    await withLock(path.join(this.#deps.folder, 'copying.lock'), async () => {
      // Another process may have copied them meanwhile.
      await this.#readOn();
      await this.#append(segments.flatMap((segment) => this.#newOf(segment)));
      await this.#readOn();
    });
    return true;
  }

  #newOf({ number, events }: Segment) {
    if (number < this.#segment) return [];
    const lines = events.map((event, index) => ({ ...event, position: [number, index, events.length] }));
    return number === this.#segment ? lines.slice(this.#index) : lines;
  }

  async #append(lines: readonly Record<string, unknown>[]): Promise<void> {
    const { local, store, runId } = this.#deps;
    // The log keeps the order of the calls, and writes together what waits together.
    const appended: Promise<void>[] = [];
    for (const line of lines) {
      // Whoever reads the event finds what it speaks of.
      if (line['type'] === 'branch-added' || line['type'] === 'limits-changed') {
        await Promise.all(appended.splice(0));
        const plan = await readSharedPlan(store, runId);
        if (plan !== null) await local.amend(plan);
      }
      // A newer version's event is kept as it is: this one's readers pass over it.
      appended.push(local.append(line as BranchEvent));
    }
    await Promise.all(appended);
  }

  /** The run can be looked at to its end without the store. */
  async #fetchReply(event: Record<string, unknown>): Promise<void> {
    const replied = repliedSchema.safeParse(event);
    if (replied.success) await this.#deps.blobs.get(replied.data.result.reply);
  }

  async #readOn(): Promise<void> {
    const file = path.join(this.#deps.folder, 'events.jsonl');
    const read = await readJsonLines(file, this.#offset).catch((error: unknown) => {
      if (!isAbsent(error)) throw error;
      throw new NotFoundError(`There is no run ${this.#deps.runId}.`, 'List the runs with `forkpoint runs`.');
    });
    this.#offset = read.offset;
    for (const value of read.values) {
      const { type, position } = lineSchema.safeParse(value).data ?? {};
      if (type?.startsWith('run-') || type === 'branch-reset') this.#isOver = type === 'run-ended';
      if (position === undefined) continue;
      const [segment, index, count] = position;
      this.#segment = index + 1 < count ? segment : segment + 1;
      this.#index = index + 1 < count ? index + 1 : 0;
    }
  }
}
