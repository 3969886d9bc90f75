import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { FileSources, StoredFile } from '../../core/files/resolveFile.ts';
import type { StartState } from '../../core/files/startState.ts';
import { readObjects, treeModes } from '../git/readObjects.ts';
import { askGitText, type GitOptions, runGit } from '../git/runGit.ts';

type Committed = Awaited<ReturnType<FileSources['committed']>>;

const timeoutMs = 20_000;

// Settings of the person count: whether git trusts a folder of somebody else's stands there.
function optionsIn(folder: string): Pick<GitOptions, 'cwd' | 'config' | 'timeoutMs'> {
  return { cwd: folder, config: 'user', timeoutMs };
}

async function isFolder(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => null))?.isDirectory() === true;
}

interface BaseCommit {
  commit: string;
  /** Of the session's folder inside the repository: empty, or with a slash at its end. */
  prefix: string;
}

const fullId = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** Where the folder lies in its repository, and a commit there that is named; null where it is in none. */
async function prefixAnd(folder: string, commit: string | null) {
  const named = commit !== null && /^[0-9a-f]+$/i.test(commit) ? [`${commit}^{commit}`] : [];
  const { code, stdout } = await runGit(['rev-parse', '--show-prefix', ...named], optionsIn(folder));
  // Where there is no such commit it fails, but has told the rest.
  if (code === null || stdout.length === 0) return null;
  const lines = stdout.toString('utf8').split('\n').slice(0, -1);
  const last = named.length > 0 ? (lines.pop() ?? '') : '';
  return { prefix: lines.join('\n'), commit: code === 0 && fullId.test(last) ? last : null };
}

/** The newest commit of the session's branch at the time when the session began. */
async function newestBefore(folder: string, { at, branch }: StartState): Promise<string | null> {
  if (at === null) return null;
  const ref = branch === null || branch === 'HEAD' ? 'HEAD' : `refs/heads/${branch}`;
  const found = await askGitText(
    ['rev-list', '-1', `--before=${at}`, '--end-of-options', ref, '--'],
    optionsIn(folder),
  );
  return found !== null && fullId.test(found) ? found : null;
}

/** The commit that was checked out when the session began: by its recorded id, else the newest of its branch at that time. */
async function baseCommit(folder: string | null, start: StartState): Promise<BaseCommit | { unknown: string }> {
  if (folder === null) return { unknown: 'The recording names no folder.' };
  if (!path.isAbsolute(folder) || !(await isFolder(folder)))
    return { unknown: `The folder ${folder} is not there any more.` };
  const [found, newest] = await Promise.all([
    prefixAnd(folder, start.commit).catch(() => null),
    start.commit === null ? newestBefore(folder, start) : null,
  ]);
  if (found === null) return { unknown: `${folder} is not in a git repository that can be read.` };
  const commit = found.commit ?? newest;
  if (commit === null) return { unknown: 'The commit that the session began from is not in the repository.' };
  return { commit, prefix: found.prefix };
}

const pointer = /^version https:\/\/git-lfs\.github\.com\//;

async function committedFile(folder: string, base: BaseCommit, file: string): Promise<Committed> {
  const inFolder = path.relative(folder, file);
  const name = path.posix.normalize(`${base.prefix}${inFolder.split(path.sep).join('/')}`);
  if (path.isAbsolute(inFolder) || name === '..' || name.startsWith('../') || name.includes('\0'))
    return { unknown: 'It lies outside of the repository.' };
  const ref = `${base.commit.slice(0, 12)}:${name}`;
  // With all folders above it: where one of them doesn't name the next, the file is absent; where it does and git hasn't got that,
  // nothing is known of it.
  const parts = name.split('/');
  const names = ['', ...parts.map((_, at) => parts.slice(0, at + 1).join('/'))];
  const objects = await readObjects(
    names.map((each) => `${base.commit}:${each}`),
    optionsIn(folder),
  );
  let mode: string | undefined = '40000';
  for (const [at, part] of parts.entries()) {
    const tree = objects?.[at];
    if (tree == null) return { unknown: 'git could not read the commit.' };
    mode = tree.type === 'tree' ? treeModes(tree.bytes, base.commit.length / 2).get(part) : undefined;
    // A submodule above it is no object of this repository.
    if (mode === undefined || (mode === '160000' && at < parts.length - 1)) return { absent: true, ref };
  }
  if (mode !== '100644' && mode !== '100755' && mode !== '100664')
    return { unknown: 'In the commit it is a link, a folder or a submodule.' };
  const bytes = objects?.at(-1)?.bytes;
  if (bytes === undefined) return { unknown: 'git could not read the file’s content.' };
  if (bytes.length < 1024 && pointer.test(bytes.toString('latin1')))
    return { unknown: 'The commit holds a pointer to Git LFS only.' };
  const stored: StoredFile = { bytes: new Uint8Array(bytes), mode: mode === '100755' ? 0o755 : 0o644, ref };
  return stored;
}

/** Larger files are read again; so are all, when they come to more than `maxCachedBytes`. */
const largestKept = 256 * 1024;
const maxCachedBytes = 16 * 1024 * 1024;

/**
 * Reads files of the commit that a session began from. Starts git only when the first file is asked for; runs no hook, no
 * filter and no network. Small files are kept: several moments of a session ask for the same ones.
 * @param folder absolute, as the recording names it
 */
export function committedFiles(folder: string | null, start: StartState): FileSources['committed'] {
  let base: ReturnType<typeof baseCommit> | null = null;
  const known = new Map<string, Committed>();
  /** Being read: two moments ask for the same file at the same time, too. */
  const coming = new Map<string, Promise<Committed>>();
  let kept = 0;
  const read = async (file: string): Promise<Committed> => {
    base ??= baseCommit(folder, start);
    const found = await base;
    if ('unknown' in found || folder === null) return found as { unknown: string };
    const committed = await committedFile(folder, found, file);
    const size = 'bytes' in committed ? committed.bytes.length : 0;
    if ('unknown' in committed || size > largestKept) return committed;
    if (kept + size > maxCachedBytes) known.clear();
    kept = known.size === 0 ? size : kept + size;
    known.set(file, committed);
    return committed;
  };
  return async (file) => {
    const there = known.get(file) ?? coming.get(file);
    if (there !== undefined) return there;
    const reading = read(file).finally(() => coming.delete(file));
    coming.set(file, reading);
    return reading;
  };
}
