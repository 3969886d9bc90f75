import type { Disposable } from '../../core/disposable.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { RunId } from '../../core/ids.ts';
import type { RunView } from '../../core/run/runView.ts';
import type { ForkService } from '../../core/useCases/forkService.ts';
import type { RunProgress } from './protocol.ts';
import { runProgress } from './runProgress.ts';

export interface RunFollowerDeps {
  forks(): Promise<ForkService>;
  tell(run: RunProgress): void;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`. */
  later(ms: number, callback: () => void): Disposable;
}

/** While a run is under way it is told at most so often, and at least once a second, so that the times go on. */
const soonMs = 200;
const tickMs = 1000;

/** Tells how one run goes, from the first time it is asked about until it has ended. */
export class RunFollower implements Disposable {
  private next: { at: number; timer: Disposable } | null = null;
  private disposed = false;
  private following: RunId | null = null;

  constructor(private readonly deps: RunFollowerDeps) {}

  get followed(): RunId | null {
    return this.following;
  }

  /** How the run stands, null where no such run was dispatched. From then on it is followed. */
  async follow(runId: RunId): Promise<RunProgress | null> {
    try {
      const run = await (await this.deps.forks()).run(runId);
      this.following = runId;
      if (isLive(run)) this.tellWithin(tickMs);
      return runProgress(run, this.deps.now());
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  /** The log of a run has grown. */
  changed(runId: RunId): void {
    if (runId === this.following) this.tellWithin(soonMs);
  }

  stop(): void {
    this.following = null;
    this.next?.timer.dispose();
    this.next = null;
  }

  dispose(): void {
    this.disposed = true;
    this.stop();
  }

  private tellWithin(ms: number): void {
    const at = this.deps.now() + ms;
    if (this.disposed || (this.next && this.next.at <= at)) return;
    this.next?.timer.dispose();
    this.next = { at, timer: this.deps.later(ms, () => void this.tellNow()) };
  }

  private async tellNow(): Promise<void> {
    this.next = null;
    const runId = this.following;
    if (runId === null) return;
    // A log that can't be read for a moment is read again with the next event.
    const run = await this.follow(runId).catch(() => null);
    if (run && !this.disposed && this.following === runId) this.deps.tell(run);
  }
}

function isLive({ state, interrupted }: RunView): boolean {
  return !interrupted && (state === 'pending' || state === 'running');
}
