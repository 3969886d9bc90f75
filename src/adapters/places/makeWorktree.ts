import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceOrder } from '../../core/agent/agentPorts.ts';
import { PlaceError } from '../../core/errors.ts';
import { askGit, needGit } from '../git/runGit.ts';
import { copyEntry } from './copyTree.ts';
import { someOf } from './fileVersions.ts';
import { ignoredNames, ignoreQuestions } from './ignoredFiles.ts';
import { makeOwnRepository } from './ownRepository.ts';
import type { PlaceFolder } from './placeFolder.ts';
import type { Project } from './projectOf.ts';

/**
 * Checks the project out in a repository of its own, beside the user's (`git worktree add` would write to that one).
 * @param base full id of the commit to begin from, null for what is there: uncommitted changes come along then
 * @returns what a person must know
 */
export async function makeWorktree(
  place: PlaceFolder,
  project: Project,
  order: Pick<PlaceOrder, 'include'>,
  base: string | null,
  signal: AbortSignal,
): Promise<string[]> {
  const { git, realRoot } = project;
  const head = base ?? git?.head ?? null;
  if (git === null || head === null)
    throw new PlaceError('A worktree needs git, and at least one commit.', 'Commit something, or choose "copy".');
  const tree = place.tree(realRoot);
  await mkdir(tree, { recursive: true, mode: 0o700 });
  await makeOwnRepository(tree, project, git, head);
  await needGit(['-c', 'checkout.workers=0', 'reset', '--hard', '--quiet'], {
    cwd: tree,
    config: 'user',
    signal,
    timeoutMs: 900_000,
    // Files of Git LFS stay what the commit has of them: fetching takes the network.
    env: { GIT_LFS_SKIP_SMUDGE: '1' },
  });
  const notes = base === null ? await bringChanges(realRoot, tree, signal) : [];
  await bringIgnored(place, realRoot, tree, order.include, signal);
  return [...notes, ...(await noteAbsent(tree, head))];
}

async function namesOf(cwd: string, args: readonly string[]): Promise<string[]> {
  return (await needGit(args, { cwd, config: 'user' }))
    .toString('utf8')
    .split('\0')
    .filter((name) => name !== '');
}

/** Staged, unstaged and untracked changes of the user's tree, which is only read. */
async function bringChanges(from: string, to: string, signal: AbortSignal): Promise<string[]> {
  const staged = await namesOf(from, ['diff-index', '--cached', '--raw', '-z', '--no-renames', '--abbrev=64', 'HEAD']);
  const entries: string[] = [];
  const unmerged: string[] = [];
  for (let at = 0; at + 1 < staged.length; at += 2) {
    const [, mode = '', , oid = '', status = ''] = (staged[at] ?? '').replace(/^:/, '').split(' ');
    const name = staged[at + 1] ?? '';
    if (status.startsWith('U')) unmerged.push(name);
    else entries.push(`${status.startsWith('D') ? '0' : mode} ${oid}\t${name}\0`);
  }
  const own = { cwd: to, config: 'user' as const };
  if (entries.length > 0) await needGit(['update-index', '-z', '--index-info'], { ...own, input: entries.join('') });
  const touched = new Set([
    ...(await namesOf(from, ['diff-index', '--name-only', '-z', '--no-renames', 'HEAD'])),
    ...(await namesOf(from, ['ls-files', '-z', '--others', '--exclude-standard'])),
  ]);
  const special: string[] = [];
  for (const name of touched) {
    signal.throwIfAborted();
    // A repository in the repository: git names the folder only.
    if (name.endsWith('/')) special.push(name);
    else if (!(await bringFile(from, to, name))) special.push(name);
  }
  await needGit(['update-index', '-q', '--refresh', '--really-refresh'], own).catch(() => {});
  return [
    ...(unmerged.length === 0
      ? []
      : [`A merge is under way in your tree; the place has its files, but not its state.`]),
    ...(special.length === 0 ? [] : [`No plain files, left out: ${someOf(special)}.`]),
  ];
}

async function bringFile(from: string, to: string, name: string): Promise<boolean> {
  const target = path.join(to, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(path.dirname(target), { recursive: true });
  return copyEntry(path.join(from, name), target);
}

/** Ignored files that the user's patterns name. */
async function bringIgnored(
  place: PlaceFolder,
  from: string,
  to: string,
  include: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const own = await readFile(path.join(from, '.worktreeinclude'), 'utf8').catch(() => '');
  const patterns = `${own}\n${include.join('\n')}\n`;
  if (patterns.trim() === '') return;
  const file = path.join(place.folder, 'include');
  await writeFile(file, patterns);
  const named = await namesOf(from, ['ls-files', '-z', '--others', '--ignored', `--exclude-from=${file}`]);
  if (named.length === 0) return;
  const input = ignoreQuestions(named);
  const told = await askGit(['check-ignore', '-z', '--stdin'], { cwd: from, config: 'user', input });
  for (const name of ignoredNames(told ?? Buffer.alloc(0))) {
    signal.throwIfAborted();
    if (!name.endsWith('/')) await bringFile(from, to, name);
  }
}

async function noteAbsent(tree: string, head: string): Promise<string[]> {
  const listed = await needGit(['ls-tree', '-r', '-z', head], { cwd: tree, config: 'user' });
  const modules = listed
    .toString('utf8')
    .split('\0')
    .flatMap((line) => (line.startsWith('160000 ') ? [line.slice(line.indexOf('\t') + 1)] : []));
  const attributes = await readFile(path.join(tree, '.gitattributes'), 'utf8').catch(() => '');
  return [
    ...(modules.length === 0 ? [] : [`Submodules are empty in a worktree: ${someOf(modules)}.`]),
    ...(/\bfilter=lfs\b/.test(attributes) ? ['Files of Git LFS may be pointers only: nothing was fetched.'] : []),
  ];
}
