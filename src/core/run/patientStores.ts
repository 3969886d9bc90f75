import type { BlobStore } from '../blobStore.ts';
import type { Clock } from '../clock.ts';
import { causesOf } from '../errors.ts';
import type { RunStore } from './ports.ts';

/** How long a full disk is waited for, from its first refusal on, in milliseconds: a local activity has more time than that. */
const patienceMs = 20_000;
const againMs = 250;

interface Stores {
  blobs: BlobStore;
  runs: RunStore;
}

/**
 * The same stores, but where the disk is full a write waits until there is room: what was paid for is in memory then, and nowhere else.
 * Events that come meanwhile wait for those before them. After a while, and from then on until a write succeeds, they throw.
 */
export function patientStores({ blobs, runs }: Stores, clock: Pick<Clock, 'monotonic' | 'sleep'>): Stores {
  let refusedAt: number | null = null;
  const keepTrying = async <T>(write: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        const written = await write();
        refusedAt = null;
        return written;
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        refusedAt ??= clock.monotonic();
        if (clock.monotonic() - refusedAt >= patienceMs) throw error;
        await clock.sleep(againMs);
      }
    }
  };
  let waiting: Promise<void> | null = null;
  const inTurn = (write: () => Promise<void>): Promise<void> => {
    const written: Promise<void> = (waiting ?? Promise.resolve()).catch(() => {}).then(() => keepTrying(write));
    waiting = written;
    const over = (): void => {
      if (waiting === written) waiting = null;
    };
    written.then(over, over);
    return written;
  };
  const append: RunStore['append'] = async (event) => {
    if (waiting !== null) return inTurn(() => runs.append(event));
    try {
      await runs.append(event);
      refusedAt = null;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await inTurn(() => runs.append(event));
    }
  };
  return {
    blobs: { get: (ref) => blobs.get(ref), put: (value) => keepTrying(() => blobs.put(value)) },
    runs: new Proxy(runs, {
      get(target, name: keyof RunStore) {
        if (name === 'append') return append;
        const member = target[name];
        return typeof member === 'function' ? member.bind(target) : member;
      },
    }),
  };
}

function isDiskFull(error: unknown): boolean {
  return [...causesOf(error)].some((at) => 'code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT'));
}
