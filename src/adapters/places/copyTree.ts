import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent } from '../fileErrors.ts';
import type { CopyLimit } from './placeDeps.ts';

/** How many files are copied at a time. */
const atOnce = 16;

export interface CopiedTree {
  /** Relative paths of what is neither file, folder nor link: it is not copied. */
  special: string[];
}

/**
 * Copies a folder with all that is in it: modes, times and links as they are, contents cloned where the file system can.
 * @param leaves relative paths that are left out, with what is in them
 */
export async function copyTree(
  from: string,
  to: string,
  leaves: (name: string) => boolean,
  signal: AbortSignal,
): Promise<CopiedTree> {
  const special: string[] = [];
  const copyFolder = async (name: string): Promise<void> => {
    signal.throwIfAborted();
    const source = path.join(from, name);
    const target = path.join(to, name);
    const stats = await lstat(source);
    await mkdir(target, { recursive: true, mode: 0o700 });
    const entries = (await readdir(source, { withFileTypes: true })).filter(
      (entry) => !leaves(path.join(name, entry.name)),
    );
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let at = 0; at < files.length; at += atOnce)
      await Promise.all(
        files.slice(at, at + atOnce).map(async (entry) => {
          const inner = path.join(name, entry.name);
          if (!(await copyEntry(path.join(from, inner), path.join(to, inner)))) special.push(inner);
        }),
      );
    for (const entry of entries) if (entry.isDirectory()) await copyFolder(path.join(name, entry.name));
    await chmod(target, stats.mode & 0o7777);
    await utimes(target, stats.atime, stats.mtime);
  };
  await copyFolder('');
  return { special: special.sort() };
}

/**
 * Copies one file or link. One that has vanished meanwhile is skipped.
 * @returns false for anything else, which is not copied
 */
export async function copyEntry(source: string, target: string): Promise<boolean> {
  let stats: Stats;
  try {
    stats = await lstat(source);
    if (stats.isSymbolicLink()) await symlink(await readlink(source, 'buffer'), target);
    else if (stats.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, stats.mode & 0o7777);
      await utimes(target, stats.atime, stats.mtime);
    } else return false;
    return true;
  } catch (error) {
    // The user's tree doesn't stand still.
    if (isAbsent(error)) return true;
    throw error;
  }
}

/** Whether a folder is within a limit; stops counting where it is not. */
export async function isWithin(folder: string, limit: CopyLimit): Promise<boolean> {
  let bytes = 0;
  let files = 0;
  const folders = [folder];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      const file = path.join(at, entry.name);
      if (entry.isDirectory()) folders.push(file);
      files += 1;
      if (entry.isFile()) bytes += (await lstat(file).catch(() => null))?.size ?? 0;
      if (files > limit.files || bytes > limit.bytes) return false;
    }
  }
  return true;
}
