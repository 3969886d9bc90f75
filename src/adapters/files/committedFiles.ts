import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { FileSources, StoredFile } from '../../core/files/resolveFile.ts';
import type { StartState } from '../../core/files/startState.ts';
import { askGit, askGitText } from '../git/runGit.ts';

type Committed = Awaited<ReturnType<FileSources['committed']>>;

const timeoutMs = 20_000;

// Settings of the person count: whether git trusts a folder of somebody else's stands there.
function git(folder: string, args: readonly string[]): Promise<Buffer | null> {
  return askGit(args, { cwd: folder, config: 'user', timeoutMs });
}

function gitText(folder: string, args: readonly string[]): Promise<string | null> {
  return askGitText(args, { cwd: folder, config: 'user', timeoutMs });
}

async function isFolder(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => null))?.isDirectory() === true;
}

interface BaseCommit {
  commit: string;
  /** Of the session's folder inside the repository: empty, or with a slash at its end. */
  prefix: string;
}

/** The commit that was checked out when the session began: by its recorded id, else the newest of its branch at that time. */
async function commitOf(folder: string, start: StartState): Promise<string | null> {
  const full = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
  if (start.commit !== null) {
    const named = await gitText(folder, [
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${start.commit}^{commit}`,
    ]);
    return named !== null && full.test(named) ? named : null;
  }
  if (start.at === null) return null;
  const branch = start.branch === null || start.branch === 'HEAD' ? 'HEAD' : `refs/heads/${start.branch}`;
  const newest = ['rev-list', '-1', `--before=${start.at}`, '--end-of-options', branch, '--'];
  const found = await gitText(folder, newest);
  return found !== null && full.test(found) ? found : null;
}

async function baseCommit(folder: string | null, start: StartState): Promise<BaseCommit | { unknown: string }> {
  if (folder === null) return { unknown: 'The recording names no folder.' };
  if (!path.isAbsolute(folder) || !(await isFolder(folder)))
    return { unknown: `The folder ${folder} is not there any more.` };
  const [prefix, commit] = await Promise.all([git(folder, ['rev-parse', '--show-prefix']), commitOf(folder, start)]);
  if (prefix === null) return { unknown: `${folder} is not in a git repository that can be read.` };
  if (commit === null) return { unknown: 'The commit that the session began from is not in the repository.' };
  return { commit, prefix: prefix.toString('utf8').replace(/\n$/, '') };
}

const pointer = /^version https:\/\/git-lfs\.github\.com\//;

/** `100755` and the object's id, of a line of `git ls-tree -z`. */
function treeEntry(listed: Buffer): { mode: string; type: string; id: string } | null {
  const found = /^(\d{6}) (\w+) ([0-9a-f]+)\t/.exec(listed.toString('latin1'));
  return found === null ? null : { mode: found[1] ?? '', type: found[2] ?? '', id: found[3] ?? '' };
}

async function committedFile(folder: string, base: BaseCommit, file: string): Promise<Committed> {
  const inFolder = path.relative(folder, file);
  const name = path.posix.normalize(`${base.prefix}${inFolder.split(path.sep).join('/')}`);
  if (path.isAbsolute(inFolder) || name === '..' || name.startsWith('../') || name.includes('\0'))
    return { unknown: 'It lies outside of the repository.' };
  const ref = `${base.commit.slice(0, 12)}:${name}`;
  const listed = await git(folder, ['ls-tree', '-z', '--full-tree', '--end-of-options', base.commit, name]);
  if (listed === null) return { unknown: 'git could not read the commit.' };
  const entry = treeEntry(listed);
  if (entry === null) return { absent: true, ref };
  if (entry.type !== 'blob' || entry.mode === '120000')
    return { unknown: 'In the commit it is a link, a folder or a submodule.' };
  const bytes = await git(folder, ['cat-file', 'blob', '--end-of-options', entry.id]);
  if (bytes === null) return { unknown: 'git could not read the file’s content.' };
  if (bytes.length < 1024 && pointer.test(bytes.toString('latin1')))
    return { unknown: 'The commit holds a pointer to Git LFS only.' };
  const stored: StoredFile = { bytes: new Uint8Array(bytes), mode: entry.mode === '100755' ? 0o755 : 0o644, ref };
  return stored;
}

/** Larger files are read again; so are all, when they come to more than `mostKept`. */
const largestKept = 256 * 1024;
const mostKept = 16 * 1024 * 1024;

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
    if (kept + size > mostKept) known.clear();
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
