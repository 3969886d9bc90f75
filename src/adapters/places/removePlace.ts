import { chmod, lstat, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent } from '../fileErrors.ts';
import { removeWorkFolders } from './overlayMounts.ts';

/** Removes one of our folders recursively; links in it are removed, not followed. */
export async function removeTree(folder: string): Promise<void> {
  await removeWorkFolders(path.join(folder, 'work'));
  await removeWorkFolders(path.join(folder, 'basework'));
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // An agent may have made folders that even their owner can't write to.
    await openFolders(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A failed removal may still be running elsewhere in the folder: a file that is gone by now is no error. */
async function openFolders(folder: string): Promise<void> {
  const stats = await lstat(folder).catch(() => null);
  if (stats?.isDirectory() !== true) return;
  await chmod(folder, 0o700).catch(() => {});
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) await openFolders(path.join(folder, entry.name));
}

/** Puts a place aside first, so that nobody finds a part of it. @returns false where it isn't there */
export async function removeAside(folder: string): Promise<boolean> {
  const aside = path.join(path.dirname(folder), `.removed-${crypto.randomUUID()}`);
  try {
    await rename(folder, aside);
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
  await removeTree(aside);
  return true;
}
