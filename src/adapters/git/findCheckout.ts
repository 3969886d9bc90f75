import { lstatSync, type Stats } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { isAbsent } from '../fileErrors.ts';
import { isNetworkPath } from './isNetworkPath.ts';
import { readSmallFile } from './readSmallFile.ts';

/** Where a folder lies in git. */
export interface Checkout {
  /** Folder of the repository's main checkout; for a bare repository the folder that holds it. */
  repository: string;
  /** Folder of the linked worktree, as the asked path names it; null in the main checkout. */
  worktree: string | null;
}

/** What was found at folders so far, for looks at many folders in a row: they share their outer ones. */
export type LookedAt = Map<string, Promise<Checkout | null>>;

/**
 * The checkout that a folder lies in, read from git's own files: no process, no hook, so it may be asked before trust.
 * @param folder absolute path
 * @returns null outside git, and for what is no local path
 */
export function findCheckout(folder: string, lookedAt: LookedAt = new Map()): Promise<Checkout | null> {
  if (isNetworkPath(folder)) return Promise.resolve(null);
  const known = lookedAt.get(folder);
  if (known !== undefined) return known;
  const outer = dirname(folder);
  const found = checkoutAt(folder).then((checkout) =>
    checkout === null && outer !== folder ? findCheckout(outer, lookedAt) : checkout,
  );
  lookedAt.set(folder, found);
  return found;
}

async function checkoutAt(folder: string): Promise<Checkout | null> {
  const git = join(folder, '.git');
  const stats = factsOf(git);
  if (stats?.isDirectory()) {
    const isRepository = factsOf(join(git, 'HEAD')) !== null;
    return isRepository ? { repository: await real(folder), worktree: null } : null;
  }
  if (!stats?.isFile()) return null;
  const gitDir = /^gitdir: (.+)$/m.exec((await readSmallFile(git)) ?? '')?.[1]?.trim();
  return gitDir === undefined || isNetworkPath(gitDir) ? null : linkedCheckout(folder, resolve(folder, gitDir));
}

async function linkedCheckout(folder: string, gitDir: string): Promise<Checkout> {
  const commonDir = (await readSmallFile(join(gitDir, 'commondir')))?.trim();
  if (commonDir !== undefined) return { repository: await mainFolder(resolve(gitDir, commonDir)), worktree: folder };
  // Forgotten by its repository, or the repository is gone: the path still tells which one it was.
  if (basename(dirname(gitDir)) === 'worktrees' && isGone(gitDir)) {
    return { repository: await mainFolder(dirname(dirname(gitDir))), worktree: folder };
  }
  // A submodule, or a repository whose git folder lies elsewhere: a repository of its own.
  return { repository: await real(folder), worktree: null };
}

/** @param commonDir the git folder that all worktrees of a repository share */
async function mainFolder(commonDir: string): Promise<string> {
  return real(basename(commonDir).startsWith('.') ? dirname(commonDir) : commonDir);
}

async function real(path: string): Promise<string> {
  return isNetworkPath(path) ? path : realpath(path).catch(() => path);
}

/** Is there nothing at the path? Where that can't be seen, something may be there. */
export function isGone(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    return isAbsent(error);
  }
}

// Asked for hundreds of folders in a row: a look through the thread pool takes ten times as long as the look itself.
function factsOf(path: string): Stats | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}
