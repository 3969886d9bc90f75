import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Disposable } from '../core/disposable.ts';
import { stampOf } from './fileStamp.ts';

/** Polling stands in where the system reports nothing: network folders, exhausted watches, a folder that isn't there yet. */
const pollMs = 500;

/**
 * Calls back when something in the folder may have changed: at once where the system reports it, else by polling the
 * folder's and the files' times. May call back once too often, never too seldom. The folder may appear, go and come again.
 * @param files names in the folder whose growth matters; the folder's own entries always do
 */
export function watchFolder(
  folder: string,
  files: readonly string[],
  listener: (name: string | null) => void,
): Disposable {
  let watcher: FSWatcher | null = null;
  let disposed = false;
  let seen = '';

  const close = (): void => {
    watcher?.close();
    watcher = null;
  };
  const arm = (): void => {
    try {
      watcher = watch(folder, { persistent: false }, (_event, name) => listener(name));
      watcher.on('error', close);
    } catch {
      // Not there, or no watches left: the poll below goes on alone and tries again.
      watcher = null;
    }
  };
  const poll = async (): Promise<void> => {
    const states = await Promise.all([folder, ...files.map((file) => `${folder}/${file}`)].map(stampNow));
    if (disposed) return;
    const now = states.join('|');
    if (states[0] === 'absent') close();
    else if (watcher === null) arm();
    if (now !== seen) {
      const first = seen === '';
      seen = now;
      if (!first) listener(null);
    }
  };

  arm();
  void poll();
  const timer = setInterval(() => void poll(), pollMs);
  timer.unref();
  return {
    dispose() {
      disposed = true;
      clearInterval(timer);
      close();
    },
  };
}

async function stampNow(file: string): Promise<string> {
  try {
    return stampOf(await stat(file)).text;
  } catch {
    return 'absent';
  }
}
