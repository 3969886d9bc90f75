import { stat } from 'node:fs/promises';
import path from 'node:path';

/** The state of the files from which git tells where a checkout lies and what is checked out. */
export interface GitStamp {
  /** Equal as long as git would say the same. */
  text: string;
  /** When the last of the files changed, in milliseconds since the epoch. */
  changedAt: number;
}

/**
 * Looks at files only: to start git blocks a large process, like the editor's, for several milliseconds.
 * @param folder that git was asked in, links resolved
 */
export async function gitStamp(
  folder: string,
  git: { realRoot: string; gitDir: string; commonDir: string; branch: string | null },
): Promise<GitStamp> {
  const { realRoot, gitDir, commonDir, branch } = git;
  const files = [
    // A repository that is made between the folder and the root is the one that counts then.
    ...foldersUpTo(folder, realRoot).map((each) => path.join(each, '.git')),
    ...['HEAD', 'config.worktree'].map((name) => path.join(gitDir, name)),
    ...['config', 'packed-refs', 'reftable/tables.list', ...(branch === null ? [] : [branch])].map((name) =>
      path.join(commonDir, name),
    ),
  ];
  const states = await Promise.all(files.map((file) => stat(file).catch(() => null)));
  // Of `.git` itself the time tells nothing: it changes with each lock in it.
  const texts = states.map((state) => {
    if (state === null) return '-';
    const { ino, uid, size, ctimeMs } = state;
    return state.isDirectory() ? `${ino}:${uid}` : `${ino}:${uid}:${size}:${ctimeMs}`;
  });
  const times = states.map((state) => (state === null || state.isDirectory() ? 0 : state.ctimeMs));
  return { text: [gitDir, commonDir, branch, ...texts].join(' '), changedAt: Math.max(...times) };
}

function foldersUpTo(folder: string, root: string): string[] {
  const folders = [folder];
  for (let at = folder; at !== root && path.dirname(at) !== at; ) {
    at = path.dirname(at);
    folders.push(at);
  }
  return folders;
}
