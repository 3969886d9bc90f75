import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { askGit, askGitText, needGit } from '../git/runGit.ts';
import { copyEntry } from './copyTree.ts';
import type { Project, ProjectGit } from './projectOf.ts';

/**
 * Makes a repository in a folder that has the user's commits, branches, remotes and settings, and shares no state with the user's own:
 * what is committed, pushed, stashed or checked out in it can't be seen there, and the user's list of worktrees stays as it is.
 *
 * Objects are read from the user's repository and not copied. Nothing there knows of this, so a `git gc` that prunes commits which no
 * branch holds any more could take objects away that this one reads. Commits on the user's branches are never pruned, nor is anything
 * younger than two weeks; and a change set is stored with its contents elsewhere.
 * @param head commit that is checked out
 */
export async function makeOwnRepository(
  folder: string,
  { realRoot }: Project,
  git: ProjectGit,
  head: string,
): Promise<void> {
  const user = { cwd: realRoot, config: 'user' as const };
  const own = { cwd: folder, config: 'user' as const };
  const format = (await askGitText(['rev-parse', '--show-object-format'], user)) ?? 'sha1';
  await needGit(['init', '--quiet', '--template=', `--object-format=${format}`], own);
  const dir = path.join(folder, '.git');
  await mkdir(path.join(dir, 'objects', 'info'), { recursive: true });
  await writeFile(path.join(dir, 'objects', 'info', 'alternates'), alternatesLine(path.join(git.commonDir, 'objects')));
  await takeRefs(dir, user.cwd, git, head);
  await takeSettings(dir, user.cwd);
  for (const [from, name] of [
    [git.commonDir, 'info/exclude'],
    [git.commonDir, 'info/attributes'],
    [git.gitDir, 'info/sparse-checkout'],
    [git.commonDir, 'shallow'],
  ] as const) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
    await copyEntry(path.join(from, name), path.join(dir, name));
  }
  await takeHooks(path.join(git.commonDir, 'hooks'), path.join(dir, 'hooks'));
}

/** As git reads it from `objects/info/alternates`: a path that could be misread is quoted as in C. */
export function alternatesLine(file: string): string {
  if (!/^["#]|\n/.test(file)) return `${file}\n`;
  return `"${file.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"\n`;
}

/** All refs in one file, as git packs them. HEAD is on a branch of the user's name, where it is on one. */
async function takeRefs(dir: string, cwd: string, { branch }: ProjectGit, head: string): Promise<void> {
  const listed = await needGit(['for-each-ref', '--format=%(objectname) %(refname) %(symref)'], {
    cwd,
    config: 'user',
  });
  const packed: string[] = [];
  for (const line of listed.toString('utf8').split('\n')) {
    const [oid = '', ref = '', symref = ''] = line.split(' ');
    // A stash is a person's own, and worktrees' refs belong to those worktrees.
    if (ref === '' || ref === 'refs/stash' || /^refs\/(?:worktree|bisect|rewritten)\//.test(ref)) continue;
    if (symref === '') packed.push(`${ref === branch ? head : oid} ${ref}`);
    else {
      await mkdir(path.dirname(path.join(dir, ref)), { recursive: true });
      await writeFile(path.join(dir, ref), `ref: ${symref}\n`);
    }
  }
  await writeFile(path.join(dir, 'packed-refs'), `# pack-refs with: \n${packed.map((line) => `${line}\n`).join('')}`);
  await writeFile(path.join(dir, 'HEAD'), branch === null ? `${head}\n` : `ref: ${branch}\n`);
}

// What says where and how the user's repository itself lies.
const notTaken =
  /^(?:core\.(?:worktree|bare|repositoryformatversion|fsmonitor|untrackedcache|splitindex)|extensions\.(?:worktreeconfig|objectformat|refstorage|compatobjectformat)|index\.|gc\.|maintenance\.|include\.|includeif\.)/;

async function takeSettings(dir: string, cwd: string): Promise<void> {
  const listed = await askGit(['config', '--list', '--show-scope', '-z'], { cwd, config: 'user' });
  const fields = listed?.toString('utf8').split('\0') ?? [];
  let text = '';
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [scope, setting = ''] = [fields[at], fields[at + 1]];
    const cut = setting.indexOf('\n');
    const [key, value] = cut === -1 ? [setting, null] : [setting.slice(0, cut), setting.slice(cut + 1)];
    if ((scope === 'local' || scope === 'worktree') && !notTaken.test(key)) text += configLines(key, value);
  }
  const file = path.join(dir, 'config');
  // A setting without a value is one that is on. This repository is ours: the user’s remotes don't exist here.
  await writeFile(file, `${await readFile(file, 'utf8')}${text}`);
}

function configLines(key: string, value: string | null): string {
  const first = key.indexOf('.');
  const last = key.lastIndexOf('.');
  const section = key.slice(0, first);
  const middle = first === last ? '' : ` "${key.slice(first + 1, last).replaceAll(/["\\]/g, '\\$&')}"`;
  const name = key.slice(last + 1);
  if (value === null) return `[${section}${middle}]\n\t${name}\n`;
  const text = value.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return `[${section}${middle}]\n\t${name} = "${text}"\n`;
}

/** The user's hooks run for the agent's commits as they would for the user's. */
async function takeHooks(from: string, to: string): Promise<void> {
  const names = (await readdir(from).catch(() => [])).filter((name) => !name.endsWith('.sample'));
  if (names.length === 0) return;
  await mkdir(to, { recursive: true });
  for (const name of names)
    if ((await lstat(path.join(from, name))).isFile()) await copyEntry(path.join(from, name), path.join(to, name));
}
