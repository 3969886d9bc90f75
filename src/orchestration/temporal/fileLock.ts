import { mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StorageError } from '../../core/errors.ts';
import { isAlive } from './processes.ts';

/** Makes the lock file, or says who holds it. */
async function tryLock(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    return false;
  }
}

/**
 * Runs the action while no other process (nor another caller here) runs one under the same lock file. A lock whose
 * holder is dead is taken over.
 * @throws StorageError after `waitMs` of waiting for a living holder
 */
export async function withFileLock<T>(file: string, action: () => Promise<T>, waitMs = 60_000): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const end = performance.now() + waitMs;
  while (!(await tryLock(file))) {
    const holder = Number(await readFile(file, 'utf8').catch(() => ''));
    // An empty file is one whose holder is about to write its id.
    if (holder > 0 && !isAlive(holder)) await rm(file, { force: true });
    else if (performance.now() > end) {
      throw new StorageError(
        `Another Forkpoint process (${holder}) has held ${file} for too long.`,
        `Wait for it, or delete the file if that process is not Forkpoint.`,
      );
    } else await delay(50);
  }
  try {
    return await action();
  } finally {
    await rm(file, { force: true });
  }
}
