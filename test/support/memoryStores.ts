import { createHash } from 'node:crypto';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { Clock } from '../../src/core/clock.ts';
import { NotFoundError } from '../../src/core/errors.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import { type BlobRef, blobRefSchema, type RunId } from '../../src/core/ids.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Blobs in memory, copied in and out as a file would be. */
export class MemoryBlobs implements BlobStore {
  readonly byRef = new Map<BlobRef, string>();

  async put(value: unknown): Promise<BlobRef> {
    const text = JSON.stringify(value);
    const ref = blobRefSchema.parse(sha256(text));
    this.byRef.set(ref, text);
    return ref;
  }

  async get(ref: BlobRef): Promise<unknown> {
    const text = this.byRef.get(ref);
    if (text === undefined) throw new NotFoundError(`No blob ${ref}.`, 'Store it first.');
    return JSON.parse(text);
  }
}

/** The part of a run store that the branch loop writes to. */
export class MemoryLog {
  readonly plans = new Map<RunId, ForkPlan>();
  readonly logged: BranchEvent[] = [];

  append = async (event: BranchEvent): Promise<void> => {
    this.logged.push(event);
  };

  events = async (): Promise<BranchEvent[]> => [...this.logged];
}

/** A clock that moves only when told to; sleepers wake when their time has come. */
export class ManualClock implements Clock {
  private time = Date.UTC(2026, 0, 1);
  private sleepers: { until: number; wake: () => void }[] = [];

  now = (): number => this.time;
  monotonic = (): number => this.time;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      this.sleepers.push({ until: this.time + ms, wake: resolve });
    });
  }

  advance(ms: number): void {
    this.time += ms;
    const due = this.sleepers.filter((sleeper) => sleeper.until <= this.time);
    this.sleepers = this.sleepers.filter((sleeper) => sleeper.until > this.time);
    for (const sleeper of due) sleeper.wake();
  }
}
