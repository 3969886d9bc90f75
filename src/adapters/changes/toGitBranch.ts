import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ApplyResult, MergeText } from '../../core/changes/applyChanges.ts';
import { isGitPath } from '../../core/changes/changePaths.ts';
import type { ChangeSet, FileChange } from '../../core/changes/changes.ts';
import { BadInputError } from '../../core/errors.ts';
import { plural } from '../../core/format.ts';
import type { ReadVersion } from './applyToTree.ts';
import { CommitDraft } from './commitDraft.ts';
import { RepositoryGit } from './repositoryGit.ts';

interface BranchOrder {
  changes: ChangeSet;
  folder: string;
  name: string;
  base: string;
  message: string;
  read: ReadVersion;
  merge: MergeText;
}

/**
 * Commits a branch's files on a new git branch. It works in an index of its own, so working tree, index and HEAD stay as they are,
 * also while somebody else holds the index.
 * @throws BadInputError for a name that git doesn't take or has already, a folder outside of git, and a branch without changes
 */
export async function toGitBranch(
  order: BranchOrder,
): Promise<ApplyResult & { sha: string; branch: string; notes: string[] }> {
  const own = await mkdtemp(path.join(tmpdir(), 'forkpoint-index-'));
  try {
    const git = await RepositoryGit.at(order.folder, path.join(own, 'index'));
    const name = await newBranchName(git, order.name);
    const base = await commitOf(git, order.base);
    const draft = await CommitDraft.from(base, git, order.read, order.merge);
    const { changes, notes } = await withoutIgnored(git, order.changes.changes);
    const files = await draft.take(changes);
    if (!draft.isChanged)
      throw new BadInputError(
        'The branch changed nothing that can be committed.',
        'See what it changed with `forkpoint diff`.',
        { files, notes },
      );
    const sha = await commit(git, await draft.writeTree(), base, order.message);
    await createRef(git, name, sha);
    return { applied: true, files, sha, branch: name, notes: [...order.changes.notes, ...notes, ...draft.notes] };
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function newBranchName(git: RepositoryGit, given: string): Promise<string> {
  // In full, as git itself prints it: taken for a short name it would lie below `refs/heads/refs/heads/`.
  const name = given.replace(/^refs\/heads\//, '');
  const isPlain = !name.startsWith('-') && !name.includes('\0');
  // Git answers with the name of an earlier branch to `@{-1}`.
  if (!isPlain || (await git.ask(['check-ref-format', '--branch', name])) !== name || name === 'HEAD')
    throw new BadInputError(
      `${JSON.stringify(name)} can't be the name of a git branch.`,
      'Give a name such as `forkpoint/try-1`.',
    );
  if ((await git.ask(['show-ref', '--verify', '--hash', `refs/heads/${name}`])) !== null) throw branchExists(name);
  return name;
}

function branchExists(name: string): BadInputError {
  return new BadInputError(`The git branch ${name} exists already.`, 'Give another name.');
}

async function commitOf(git: RepositoryGit, base: string): Promise<string> {
  const found = await git.ask(['rev-parse', '--verify', '--quiet', '--end-of-options', `${base}^{commit}`]);
  if (found !== null && found !== '') return found;
  throw new BadInputError(
    `The repository has no commit ${JSON.stringify(base)}.`,
    'Make a first commit, or give another one.',
  );
}

/** What git ignores (builds, packages, secrets) doesn't belong in a commit. */
async function withoutIgnored(
  git: RepositoryGit,
  changes: readonly FileChange[],
): Promise<{ changes: FileChange[]; notes: string[] }> {
  const ignored = await git.ignored(changes.map(({ path: name }) => name).filter(isGitPath));
  const notes =
    ignored.size === 0
      ? []
      : [`${plural(ignored.size, 'file')} that git ignores ${ignored.size === 1 ? 'is' : 'are'} left out.`];
  return { changes: changes.filter(({ path: name }) => !ignored.has(name)), notes };
}

async function commit(git: RepositoryGit, tree: string, parent: string, message: string): Promise<string> {
  const named = (await git.ask(['config', 'user.name'])) && (await git.ask(['config', 'user.email']));
  const [name, email] = ['Forkpoint', 'forkpoint@localhost'];
  const neutral = {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
  const made = await git.run(
    ['commit-tree', tree, '-p', parent, '-F', '-'],
    `${message.trim()}\n`,
    named ? undefined : neutral,
  );
  return made.toString('latin1').trim();
}

/** Creates the branch; fails where one of that name has been created meanwhile. */
async function createRef(git: RepositoryGit, name: string, sha: string): Promise<void> {
  const nothing = '0'.repeat(sha.length);
  await git
    .run(['update-ref', '--create-reflog', '-m', 'branch: Created by Forkpoint', `refs/heads/${name}`, sha, nothing])
    .catch(async (error: unknown) => {
      if ((await git.ask(['show-ref', '--verify', '--hash', `refs/heads/${name}`])) !== null) throw branchExists(name);
      const why = error instanceof Error ? error.message : String(error);
      throw new BadInputError(`The git branch ${name} can't be made: ${why}`, 'Give another name.', undefined, {
        cause: error,
      });
    });
}
