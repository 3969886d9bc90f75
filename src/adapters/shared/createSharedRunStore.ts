import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '../../core/blobStore.ts';
import type { Disposable } from '../../core/disposable.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';
import type { RunId } from '../../core/ids.ts';
import { type BranchEvent, branchEventSchema } from '../../core/run/branchEvent.ts';
import type { RunStore } from '../../core/run/ports.ts';
import type { RunSharing } from '../../core/run/runSharing.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { touchFolder } from '../runs/folderTouch.ts';
import { LogMirror } from './logMirror.ts';
import { SharedBlobs } from './sharedBlobs.ts';
import { SharedLog } from './sharedLog.ts';
import { readSharedPlan, readShareMark, writeSharedPlan, writeShareMark } from './sharedRun.ts';

/** A store that can't be reached is asked again after so long, in milliseconds. */
const troubleMs = 5_000;
/** So often a run is looked at that was not begun. */
const beforeStartMs = 500;
/** While something comes, a store is looked at so many times as often. */
const eagerness = 5;
/** Blobs that are written to the store at once. */
const sharedAtOnce = 8;

export interface SharedRunStoreDeps {
  local: RunStore;
  /** Of the runs on this machine. */
  dir: string;
  blobs: BlobStore;
  /** The store of the settings, which new runs go to and where runs of other machines are looked for; null: none. */
  location: string | null;
  open: (location: string) => Promise<SharedStore>;
  /** Told when a store can't be read while somebody looks at a run. */
  log?: (message: string, error: unknown) => void;
}

/** Where a run's log is: on this machine alone, in a store with a copy here, or in a store only (a run of another machine). */
type Whereabouts = { kind: 'local' } | { kind: 'copied'; shared: Opened; mirror: LogMirror } | ForeignRun;
type ForeignRun = { kind: 'foreign'; shared: Opened };

interface Opened {
  store: SharedStore;
  log: SharedLog;
  blobs: SharedBlobs;
}

/** The run store, with the logs of shared runs in the store that all workers reach. */
export function createSharedRunStore(deps: SharedRunStoreDeps): { runs: RunStore; sharing: RunSharing | null } {
  const runs = new SharedRunStore(deps);
  const { location } = deps;
  return { runs, sharing: location === null ? null : runs.sharing(location) };
}

class SharedRunStore implements RunStore {
  readonly #deps: SharedRunStoreDeps;
  readonly #opened = new Map<string, Promise<Opened>>();
  /** Runs whose log is in a store. That a run's is not may still change. */
  readonly #known = new Map<RunId, Exclude<Whereabouts, { kind: 'local' }>>();
  /** Where the runs' logs are that this process writes: looked up once, as events must keep the order in which they were given. */
  readonly #drivenHere = new Map<RunId, Promise<Whereabouts>>();

  constructor(deps: SharedRunStoreDeps) {
    this.#deps = deps;
  }

  sharing(location: string): RunSharing {
    const opened = () => this.#open(location);
    return {
      blobs: new SharedBlobs(this.#deps.blobs, async () => (await opened()).store),
      share: async (plan) => this.#share(plan, location),
      shareBranch: async (branch) => {
        const { blobs } = await opened();
        await Promise.all([branch.request, branch.recording].map((ref) => blobs.share(ref)));
      },
      probe: async () => {
        await (await opened()).store.create('probe.json', Buffer.from('{}'));
        return location;
      },
      isShared: async (runId) => (await this.#whereabouts(runId)).kind !== 'local',
    };
  }

  async plan(runId: RunId): Promise<ForkPlan> {
    const where = await this.#whereabouts(runId);
    if (where.kind !== 'foreign') return this.#deps.local.plan(runId);
    return (await readSharedPlan(where.shared.store, runId)) ?? this.#deps.local.plan(runId);
  }

  async amend(plan: ForkPlan): Promise<void> {
    const where = await this.#whereabouts(plan.runId);
    if (where.kind !== 'local') await writeSharedPlan(where.shared.store, plan);
    if (where.kind !== 'foreign') await this.#deps.local.amend(plan);
  }

  async append(event: BranchEvent): Promise<void> {
    const { runId } = event;
    let looked = this.#drivenHere.get(runId);
    if (looked === undefined) {
      looked = this.#whereabouts(runId);
      this.#drivenHere.set(runId, looked);
      looked.catch(() => this.#drivenHere.delete(runId));
    }
    const where = await looked;
    if (where.kind === 'local') return this.#deps.local.append(event);
    await where.shared.log.append(event);
    // Who watches a run that was over hears of it by the copy.
    if (where.kind === 'copied' && where.mirror.isOver) await where.mirror.copy();
  }

  async events(runId: RunId): Promise<BranchEvent[]> {
    const where = await this.#whereabouts(runId);
    if (where.kind === 'foreign') {
      const segments = await where.shared.log.read(runId, 1);
      return segments.flatMap(({ events }) => events.flatMap((event) => branchEventSchema.safeParse(event).data ?? []));
    }
    if (where.kind === 'copied') await where.mirror.copy();
    return this.#deps.local.events(runId);
  }

  async *follow(runId: RunId, signal: AbortSignal): AsyncIterable<BranchEvent> {
    const copying = this.#keepCopying(runId, false);
    try {
      yield* this.#deps.local.follow(runId, signal);
    } finally {
      copying.dispose();
    }
  }

  watch(listener: (runId: RunId) => void): Disposable {
    const copying = new Map<RunId, Disposable>();
    let disposed = false;
    const look = (runId: RunId): void => {
      if (disposed || copying.has(runId)) return;
      copying.set(
        runId,
        this.#keepCopying(runId, true, () => copying.delete(runId)),
      );
    };
    const watching = this.#deps.local.watch((runId) => {
      look(runId);
      listener(runId);
    });
    void this.list().then(
      (ids) => ids.forEach(look),
      () => {},
    );
    return {
      dispose() {
        disposed = true;
        watching.dispose();
        for (const each of copying.values()) each.dispose();
      },
    };
  }

  async delete(runId: RunId): Promise<void> {
    const where = await this.#whereabouts(runId);
    if (where.kind === 'copied') await where.shared.store.deleteAll(`runs/${runId}/`);
    await this.#deps.local.delete(runId);
    this.#known.delete(runId);
    this.#drivenHere.delete(runId);
  }

  create(...run: Parameters<RunStore['create']>): Promise<boolean> {
    return this.#deps.local.create(...run);
  }

  list(limit?: number): Promise<RunId[]> {
    return this.#deps.local.list(limit);
  }

  own(runId: RunId): Promise<Disposable> {
    return this.#deps.local.own(runId);
  }

  isOwned(runId: RunId): Promise<boolean> {
    return this.#deps.local.isOwned(runId);
  }

  requestUpdate(...args: Parameters<RunStore['requestUpdate']>): Promise<boolean | null> {
    return this.#deps.local.requestUpdate(...args);
  }

  answer(...args: Parameters<RunStore['answer']>): Promise<void> {
    return this.#deps.local.answer(...args);
  }

  onAnswered(...args: Parameters<RunStore['onAnswered']>): Disposable {
    return this.#deps.local.onAnswered(...args);
  }

  onUpdateRequested(...args: Parameters<RunStore['onUpdateRequested']>): ReturnType<RunStore['onUpdateRequested']> {
    return this.#deps.local.onUpdateRequested(...args);
  }

  async #share(plan: ForkPlan, location: string): Promise<void> {
    const { runId } = plan;
    if ((await this.#whereabouts(runId)).kind !== 'local') return;
    const { store, blobs } = await this.#open(location);
    await Promise.all([writeSharedPlan(store, plan), shareBlobsOf(plan, blobs)]);
    const folder = this.#folder(runId);
    await writeShareMark(folder, location);
    this.#drivenHere.delete(runId);
    // Who watches the runs looks at this one again.
    await touchFolder(folder);
  }

  async #whereabouts(runId: RunId): Promise<Whereabouts> {
    const known = this.#known.get(runId);
    if (known !== undefined) return known;
    const mark = await readShareMark(this.#folder(runId));
    const where = mark === null ? await this.#unmarked(runId) : await this.#copied(runId, mark);
    if (where.kind === 'local') return where;
    const first = this.#known.get(runId) ?? where;
    this.#known.set(runId, first);
    return first;
  }

  async #unmarked(runId: RunId): Promise<ForeignRun | { kind: 'local' }> {
    const { location, local } = this.#deps;
    if (location === null || (await isHere(local, runId))) return { kind: 'local' };
    const shared = await this.#open(location);
    return (await readSharedPlan(shared.store, runId)) === null ? { kind: 'local' } : { kind: 'foreign', shared };
  }

  async #copied(runId: RunId, location: string): Promise<Exclude<Whereabouts, { kind: 'local' }>> {
    const shared = await this.#open(location);
    const { local } = this.#deps;
    const mirror = new LogMirror({ runId, folder: this.#folder(runId), local, ...shared });
    return { kind: 'copied', shared, mirror };
  }

  #open(location: string): Promise<Opened> {
    const opened =
      this.#opened.get(location) ??
      this.#deps.open(location).then((store) => ({
        store,
        log: new SharedLog(store),
        blobs: new SharedBlobs(this.#deps.blobs, async () => store),
      }));
    this.#opened.set(location, opened);
    opened.catch(() => this.#opened.delete(location));
    return opened;
  }

  /** Copies a shared run's log until disposed, or until it is over. */
  #keepCopying(runId: RunId, untilOver: boolean, onEnd = (): void => {}): Disposable {
    const stop = new AbortController();
    void this.#copyOn(runId, untilOver, stop.signal).finally(onEnd);
    return { dispose: () => stop.abort() };
  }

  async #copyOn(runId: RunId, untilOver: boolean, signal: AbortSignal): Promise<void> {
    for (let quiet = 0; !signal.aborted; quiet += 1) {
      let pause: number;
      try {
        const looked = await this.#copyNow(runId, untilOver);
        if (looked === null) return;
        if (looked.copied) quiet = 0;
        // Where something came, more comes soon.
        pause = Math.min(looked.pollMs, (looked.pollMs / eagerness) * 2 ** quiet);
      } catch (error) {
        if (error instanceof NotFoundError) return;
        this.#deps.log?.(`The log of run ${runId} can't be read from its store.`, error);
        pause = troubleMs;
      }
      await delay(pause, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** @returns how often to look while nothing comes, in milliseconds; null where there is nothing more to come */
  async #copyNow(runId: RunId, untilOver: boolean): Promise<{ copied: boolean; pollMs: number } | null> {
    const where = await this.#whereabouts(runId);
    if (where.kind === 'foreign') return null;
    if (where.kind === 'local') {
      // A run that was not begun may still be shared.
      if (untilOver || (await this.#deps.local.events(runId)).length > 0) return null;
      return { copied: false, pollMs: beforeStartMs };
    }
    const copied = await where.mirror.copy();
    return untilOver && where.mirror.isOver ? null : { copied, pollMs: where.shared.store.pollMs };
  }

  #folder(runId: RunId): string {
    return path.join(this.#deps.dir, runId);
  }
}

async function shareBlobsOf({ branches }: ForkPlan, blobs: SharedBlobs): Promise<void> {
  const refs = [...new Set(branches.flatMap(({ request, recording }) => [request, recording]))];
  for (let at = 0; at < refs.length; at += sharedAtOnce) {
    await Promise.all(refs.slice(at, at + sharedAtOnce).map((ref) => blobs.share(ref)));
  }
}

async function isHere(local: RunStore, runId: RunId): Promise<boolean> {
  try {
    await local.events(runId);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
