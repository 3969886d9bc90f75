import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';

type QueueSettings = Pick<TemporalSettings, 'home'> & {
  /** The name that a person chose. */
  taskQueue: string | undefined;
  store: string | null;
  /** The data folder where nobody names another. */
  defaultHome?: string;
};

/**
 * The task queue of runs that only workers of this data folder can carry out: without a shared store all, else those of agents.
 * Its name is remembered in the folder, so that machines which share a server never take one another's runs, however alike their
 * folders are.
 */
export function ownQueueOf({ taskQueue, store, ...folder }: QueueSettings): string {
  if (taskQueue === undefined) return nameOf(folder);
  return store === null ? taskQueue : `${taskQueue}-${nameOf(folder)}`;
}

/** The task queue of runs that every worker with the same store can carry out; null without a store. */
export function sharedQueueOf({ taskQueue, store }: Pick<QueueSettings, 'taskQueue' | 'store'>): string | null {
  if (store === null) return null;
  return taskQueue ?? `forkpoint-store-${shortHash(store)}`;
}

function nameOf(place: Pick<QueueSettings, 'home' | 'defaultHome'>): string {
  const folder = temporalFolder(place);
  const file = path.join(folder, 'task-queue');
  // Runs of a release that named its queue after the folder's path are to be found by this one.
  const isOld = existsSync(folder);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Of several processes that find none the first one writes it.
    const name = isOld ? nameByPath(place) : `forkpoint-${randomBytes(4).toString('hex')}`;
    writeFileSync(file, name, { flag: 'wx', mode: 0o600 });
  } catch {
    // It is there, or the folder can't be written to.
  }
  try {
    const name = readFileSync(file, 'utf8');
    if (/^forkpoint(?:-[0-9a-f]{8})?$/.test(name)) return name;
  } catch {
    // As below.
  }
  return nameByPath(place);
}

/** As releases before 0.2 named it. */
function nameByPath({ home, defaultHome }: Pick<QueueSettings, 'home' | 'defaultHome'>): string {
  if (defaultHome !== undefined && path.resolve(home) === path.resolve(defaultHome)) return 'forkpoint';
  return `forkpoint-${shortHash(path.resolve(home))}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
