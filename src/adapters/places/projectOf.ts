import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { PlaceError } from '../../core/errors.ts';
import { runGit } from '../git/runGit.ts';
import { isInside } from '../isInside.ts';
import { gitStamp } from './gitStamp.ts';

/** The project that a session's folder belongs to. All paths are absolute. */
export interface Project {
  /** The session's folder, as recorded. */
  folder: string;
  /** Top of the checkout (outside git the folder itself), as the recording would name it. */
  root: string;
  /** The same, symbolic links resolved. */
  realRoot: string;
  /** Null outside git. */
  git: ProjectGit | null;
  /** Why git can't be used although it may be there: it isn't installed, or doesn't trust the folder. */
  gitProblem: string | null;
}

export interface ProjectGit {
  /** Of this checkout: `.git`, or a linked worktree's part of the repository's. Links resolved. */
  gitDir: string;
  /** What all checkouts of the repository share. Links resolved. */
  commonDir: string;
  /** Commit that is checked out, null where there are no commits yet. */
  head: string | null;
  /** `refs/heads/…`, null where HEAD is detached. */
  branch: string | null;
}

/**
 * Folders that a checkout lies in: its root first, then what of the repository lies elsewhere (a linked worktree's), the outer ones
 * before those inside of them.
 */
export function checkoutFolders({
  realRoot,
  git,
}: {
  realRoot: string;
  git: Pick<ProjectGit, 'gitDir' | 'commonDir'> | null;
}): string[] {
  const folders = [realRoot];
  for (const folder of git === null ? [] : [git.commonDir, git.gitDir])
    if (!folders.some((outer) => isInside(outer, folder))) folders.push(folder);
  const [root = '', ...others] = folders;
  return [root, ...others.sort((a, b) => a.length - b.length)];
}

async function ask(folder: string, args: readonly string[]): Promise<string | null> {
  const { code, stdout } = await runGit(args, { cwd: folder, config: 'user' });
  // Only the line end: a folder's name may end with spaces, and hold line ends.
  return code === 0 ? stdout.toString('utf8').replace(/\n$/, '') : null;
}

/** @throws PlaceError where the folder isn't there */
export async function projectOf(folder: string): Promise<Project> {
  const real = await realpath(folder).catch(() => null);
  if (real === null || !path.isAbsolute(folder) || !(await stat(real)).isDirectory())
    throw new PlaceError(
      `The session’s folder ${folder} is not there any more.`,
      'Put the project back where it was, or fork with the executor "api".',
    );
  const outside = { folder, root: folder, realRoot: real, git: null };
  const found = (await cachedAnswer(real)) ?? (await askAndCache(real)) ?? (await askOneByOne(real));
  if ('problem' in found) return { ...outside, gitProblem: found.problem };
  const { realRoot, gitDir, commonDir, head, branch } = found;
  if (!isInside(realRoot, real)) return { ...outside, gitProblem: unknownPlace };
  const root = asRecorded(folder, path.relative(realRoot, real)) ?? realRoot;
  const git = { gitDir: await realpath(gitDir), commonDir: await realpath(commonDir), head, branch };
  return { folder, root, realRoot, git, gitProblem: null };
}

type FoundGit = ProjectGit & { realRoot: string };

/** What git said last, by folder: each fork asks several times, and between two forks hardly anything changes. */
const answers = new Map<string, { found: FoundGit; stamp: string }>();
const maxAnswers = 32;
/** Resolution of file times, in milliseconds: a stamp younger than this may hide a second change. */
const clockTickMs = 100;

async function cachedAnswer(folder: string): Promise<FoundGit | null> {
  const answer = answers.get(folder);
  if (answer === undefined) return null;
  return (await gitStamp(folder, answer.found)).text === answer.stamp ? answer.found : null;
}

async function askAndCache(folder: string): Promise<FoundGit | null> {
  const askedAt = Date.now();
  const found = await askAtOnce(folder);
  answers.delete(folder);
  if (found === null) return null;
  const { text, changedAt } = await gitStamp(folder, found);
  if (changedAt > askedAt - clockTickMs) return found;
  answers.set(folder, { found, stamp: text });
  for (const oldest of answers.keys()) if (answers.size > maxAnswers) answers.delete(oldest);
  return found;
}

/** All of it from one process; null where only single questions tell: outside of git, without a commit, with line ends in a path. */
async function askAtOnce(folder: string): Promise<FoundGit | null> {
  const paths = ['--show-toplevel', '--absolute-git-dir', '--path-format=absolute', '--git-common-dir'];
  const told = await ask(folder, ['rev-parse', ...paths, 'HEAD^{commit}', '--symbolic-full-name', 'HEAD']).catch(
    () => null,
  );
  const lines = told?.split('\n') ?? [];
  const [realRoot, gitDir, commonDir, head, ref] = lines;
  if (!realRoot || !gitDir || !commonDir || !head || !ref || lines.length > 5) return null;
  return { realRoot, gitDir, commonDir, head, branch: ref === 'HEAD' ? null : ref };
}

async function askOneByOne(folder: string): Promise<FoundGit | { problem: string | null }> {
  let told: Awaited<ReturnType<typeof runGit>>;
  try {
    told = await runGit(['rev-parse', '--show-toplevel'], { cwd: folder, config: 'user' });
  } catch {
    return { problem: 'git can’t be started' };
  }
  if (told.code !== 0) return { problem: /dubious ownership/.test(told.stderr) ? dubious : null };
  const realRoot = told.stdout.toString('utf8').replace(/\n$/, '');
  const [gitDir, commonDir, head, branch] = await Promise.all([
    ask(folder, ['rev-parse', '--absolute-git-dir']),
    ask(folder, ['rev-parse', '--path-format=absolute', '--git-common-dir']),
    ask(folder, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    ask(folder, ['symbolic-ref', '--quiet', 'HEAD']),
  ]);
  return gitDir === null || commonDir === null
    ? { problem: unknownPlace }
    : { realRoot, gitDir, commonDir, head, branch };
}

const unknownPlace = 'git can’t say where the repository lies';
const dubious = 'git doesn’t trust the repository, for it belongs to another user';

/** The root above a recorded folder, null where a link inside the project leads to the folder. */
function asRecorded(folder: string, below: string): string | null {
  if (below === '') return folder;
  return folder.endsWith(path.sep + below) ? folder.slice(0, -below.length - 1) || path.sep : null;
}
