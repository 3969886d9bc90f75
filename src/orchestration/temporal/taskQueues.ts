import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

type QueueSettings = Pick<TemporalSettings, 'home'> & {
  /** The name that a person chose. */
  taskQueue: string | undefined;
  store: string | null;
};

/**
 * The task queue of runs that only workers of this data folder can carry out: without a shared store all, else those of agents.
 * Its name is remembered in the folder, so that machines which share a server never take one another's runs, however alike their
 * folders are.
 */
export function ownQueueOf({ home, taskQueue, store }: QueueSettings): string {
  if (taskQueue === undefined) return `forkpoint-${machineIdOf(home)}`;
  return store === null ? taskQueue : `${taskQueue}-${machineIdOf(home)}`;
}

/** The task queue of runs that every worker with the same store can carry out; null without a store. */
export function sharedQueueOf({ taskQueue, store }: Omit<QueueSettings, 'home'>): string | null {
  if (store === null) return null;
  return taskQueue ?? `forkpoint-store-${shortHash(store)}`;
}

function machineIdOf(home: string): string {
  const folder = temporalFolder({ home });
  const file = path.join(folder, 'machine-id');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Of several processes that find none the first one writes it.
    writeFileSync(file, randomBytes(4).toString('hex'), { flag: 'wx', mode: 0o600 });
  } catch {
    // It is there, or the folder can't be written to.
  }
  try {
    const id = readFileSync(file, 'utf8');
    if (/^[0-9a-f]{8}$/.test(id)) return id;
  } catch {
    // As below.
  }
  return shortHash(path.resolve(home));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
