/**
 * A path as it is compared: forward slashes, no slash at the end, drive letters in lower case, and one of the two forms in which
 * Unicode writes letters with accents: macOS and git write the other one.
 */
export function comparablePath(path: string): string {
  const slashed = path.replaceAll('\\', '/').replace(/(?<=.)\/+$/, '');
  return slashed.replace(/^[A-Z]:/, (drive) => drive.toLowerCase()).normalize('NFC');
}

/** A path as it is shown: editors write the drive of one and the same folder in either case. */
export function shownPath(path: string): string {
  return path.replace(/^[a-z]:(?=[\\/])/, (drive) => drive.toUpperCase());
}

/** Whether a path is a folder or lies below it. Both as `comparablePath` gives them. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** What of a summary says where the session ran. */
export interface SessionPlace {
  projectPath: string | null;
  repository: string | null;
  worktree: string | null;
}

/**
 * The folder that a session counts to: where it ran, with a linked worktree folded into its repository, so that `docs` of
 * a worktree is `docs` of the main checkout.
 */
export function projectFolder({ projectPath, repository, worktree }: SessionPlace): string | null {
  if (projectPath === null || repository === null || worktree === null) return projectPath;
  return projectPath.startsWith(worktree) ? repository + projectPath.slice(worktree.length) : projectPath;
}
