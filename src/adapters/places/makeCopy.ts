import { lstat, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { askGit, needGit } from '../git/runGit.ts';
import { isInside } from '../isInside.ts';
import { copyTree } from './copyTree.ts';
import { someOf } from './fileVersions.ts';
import { makeOwnRepository } from './ownRepository.ts';
import type { PlaceFolder } from './placeFolder.ts';
import type { Project } from './projectOf.ts';

/**
 * Copies the project with everything that is in it, ignored files and git's folder included.
 * @param base full id of a commit to check out in the copy, null for what is there
 * @returns what a person must know
 */
export async function makeCopy(
  place: PlaceFolder,
  project: Project,
  base: string | null,
  signal: AbortSignal,
): Promise<string[]> {
  const { realRoot, git } = project;
  const tree = place.tree(realRoot);
  // A linked worktree's `.git` is a file that leads into the user's repository: the copy gets a repository of its own.
  const isLinked = git !== null && !isInside(realRoot, git.commonDir);
  const inGit = git === null || isLinked ? null : path.relative(realRoot, git.commonDir);
  const { special } = await copyTree(realRoot, tree, (name) => isLeft(name, inGit, isLinked), signal);
  const notes = special.length === 0 ? [] : [`No plain files, left out: ${someOf(special)}.`];
  const head = base ?? git?.head ?? null;
  if (isLinked && git !== null && head !== null) {
    await makeOwnRepository(tree, project, git, git.head ?? head);
    await needGit(['reset', '--quiet'], { cwd: tree, config: 'user', signal });
  }
  if (git !== null) notes.push(...(await cutTies(tree)));
  if (base !== null) notes.push(...(await checkOut(tree, project, base, signal)));
  return notes;
}

function isLeft(name: string, inGit: string | null, isLinked: boolean): boolean {
  if (isLinked && name === '.git') return true;
  if (inGit === null || !isInside(inGit, name)) return false;
  // Locks are those of a git that runs now; the other worktrees are the user's, and could be removed from a copy.
  return name.endsWith('.lock') || name === path.join(inGit, 'worktrees');
}

/** What in the copy leads back into the user's files: pointers of repositories inside of it, and a setting. */
async function cutTies(tree: string): Promise<string[]> {
  const own = { cwd: tree, config: 'user' as const };
  const worktree = await askGit(['config', '--local', 'core.worktree'], own);
  if (worktree !== null) await askGit(['config', '--local', '--unset-all', 'core.worktree'], own);
  const cut: string[] = [];
  const modules = (await askGit(['ls-files', '-z', '--stage'], own))?.toString('utf8').split('\0') ?? [];
  const folders = modules.flatMap((line) => (line.startsWith('160000 ') ? [line.slice(line.indexOf('\t') + 1)] : []));
  for (const folder of folders) {
    const file = path.join(tree, folder, '.git');
    const facts = await lstat(file).catch(() => null);
    if (facts?.isFile() !== true) continue;
    const led = /^gitdir: ([^\n]+)/.exec(await readFile(file, 'utf8'))?.[1] ?? '';
    const target = path.resolve(path.dirname(file), led);
    if (isInside(tree, target) && (await stat(target).catch(() => null)) !== null) continue;
    await rm(file);
    cut.push(folder);
  }
  return cut.length === 0
    ? []
    : [`Submodules whose repositories lie elsewhere are plain folders here: ${someOf(cut)}.`];
}

async function checkOut(tree: string, { git }: Project, base: string, signal: AbortSignal): Promise<string[]> {
  const own = { cwd: tree, config: 'user' as const, signal, timeoutMs: 900_000, env: { GIT_LFS_SKIP_SMUDGE: '1' } };
  const target = base === git?.head ? [] : ['--detach', base];
  await needGit(['-c', 'advice.detachedHead=false', 'checkout', '--force', '--quiet', ...target], own);
  await needGit(['clean', '-d', '--force', '--quiet'], own);
  return base === git?.head ? [] : [`Commit ${base.slice(0, 8)} is checked out without a branch (HEAD is detached).`];
}

/** The first plain file of a folder or of the folders in it: to try whether the file system clones it. */
export async function someFile(folder: string, depth = 3): Promise<string | null> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isFile()) return path.join(folder, entry.name);
  if (depth === 0) return null;
  for (const entry of entries.slice(0, 20)) {
    const found = entry.isDirectory() ? await someFile(path.join(folder, entry.name), depth - 1) : null;
    if (found !== null) return found;
  }
  return null;
}
