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
