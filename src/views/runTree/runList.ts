import { NotFoundError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { RunView } from '../../core/run/runView.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { isUnderWay } from './runNodes.ts';

/** A run before and after something happened to it; null where it was not there. */
export interface RunChange {
  runId: RunId;
  before: RunView | null;
  after: RunView | null;
}

export type RunListener = (changes: readonly RunChange[]) => void;

/** A running branch writes many events a second; rows follow at this pace. */
const refreshMs = 250;
/** A workflow may be ended from outside without a word in the run's log: runs under way are looked at now and then. */
const lookAgainMs = 5_000;

/**
 * The runs as the tree, the status bar, the notifications and the open documents show them: read once, then kept up to
 * date with the runs' logs.
 */
export class RunList {
  readonly #runs = new Map<RunId, RunView>();
  readonly #listeners = new Set<RunListener>();
  readonly #touched = new Set<RunId>();
  #loading: Promise<void> | null = null;
  #watching: { dispose(): void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lookAgain: NodeJS.Timeout | null = null;
  #refreshing = false;

  constructor(
    private readonly services: ServiceProvider,
    private readonly log: (message: string, error?: unknown) => void,
  ) {
    services.onDidReplace(() => {
      if (this.#loading !== null) this.reload().catch((error: unknown) => log('The runs could not be read.', error));
    });
  }

  /** Newest first. */
  get runs(): RunView[] {
    return [...this.#runs.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }

  find(runId: RunId): RunView | undefined {
    return this.#runs.get(runId);
  }

  onDidChange(listener: RunListener): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  /** Reads the runs and follows them from here on; later calls wait for the first. */
  load(): Promise<void> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  /** Reads all runs again. */
  async reload(): Promise<void> {
    this.#loading = null;
    await this.load();
  }

  /** Reads one run now, for example right after it was dispatched. */
  async refresh(runId: RunId): Promise<void> {
    await this.load();
    this.#tell([await this.#read(runId)]);
  }

  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#lookAgain !== null) clearTimeout(this.#lookAgain);
    this.#watching?.dispose();
    this.#listeners.clear();
  }

  async #load(): Promise<void> {
    const { forks } = await this.services.get();
    this.#watching?.dispose();
    this.#watching = forks.watch((runId) => this.#touch(runId));
    const views = await forks.runs();
    const gone = new Set(this.#runs.keys());
    const changes: RunChange[] = views.map((after) => {
      gone.delete(after.runId);
      return this.#put(after.runId, after);
    });
    for (const runId of gone) changes.push(this.#put(runId, null));
    this.#tell(changes);
  }

  #touch(runId: RunId): void {
    this.#touched.add(runId);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== null || this.#refreshing) return;
    this.#timer = setTimeout(() => void this.#refreshTouched(), refreshMs);
  }

  async #refreshTouched(): Promise<void> {
    this.#timer = null;
    this.#refreshing = true;
    const touched = [...this.#touched];
    this.#touched.clear();
    const changes = await Promise.all(
      touched.map((runId) =>
        this.#read(runId).catch((error: unknown) => {
          this.log(`Run ${runId} could not be read.`, error);
          return null;
        }),
      ),
    );
    this.#refreshing = false;
    this.#tell(changes.filter((change) => change !== null));
    if (this.#touched.size > 0) this.#schedule();
  }

  async #read(runId: RunId): Promise<RunChange> {
    const { forks } = await this.services.get();
    try {
      return this.#put(runId, await forks.run(runId));
    } catch (error) {
      if (error instanceof NotFoundError) return this.#put(runId, null);
      throw error;
    }
  }

  #put(runId: RunId, after: RunView | null): RunChange {
    const before = this.#runs.get(runId) ?? null;
    if (after === null) this.#runs.delete(runId);
    else this.#runs.set(runId, after);
    return { runId, before, after };
  }

  #tell(changes: readonly RunChange[]): void {
    this.#followUnderWay();
    if (changes.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
  }

  #followUnderWay(): void {
    if (this.#lookAgain !== null) clearTimeout(this.#lookAgain);
    const underWay = this.runs.filter(({ state }) => isUnderWay(state));
    if (underWay.length === 0) return;
    this.#lookAgain = setTimeout(() => {
      for (const { runId } of underWay) this.#touch(runId);
    }, lookAgainMs);
  }
}
