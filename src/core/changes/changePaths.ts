// Characters that HFS+ leaves out of names: with one of them in it, `.git` is still `.git` there.
const ignorable = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

/** Whether git's own folder may be meant, by any spelling that some file system takes for it. */
function isGitFolder(part: string): boolean {
  const name = part
    .replaceAll(ignorable, '')
    .toLowerCase()
    .replace(/[. ]+$/, '');
  return name === '.git' || name === 'git~1' || /^(?:\.git|git~1)[. ]*[:\\]/.test(name);
}

/**
 * Why a path must not be written to, or null. Paths come from a branch's changes: relative to the project's root, forward slashes.
 * @param windows whether the tree lies on Windows, where more characters lead elsewhere
 */
export function refusedPath(path: string, windows = false): string | null {
  const parts = path.split('/');
  if (path === '' || path.includes('\0')) return 'No file can have this name.';
  if (path.startsWith('/') || (windows && /^(?:[A-Za-z]:|\\)/.test(path))) return 'It is an absolute path.';
  if (parts.includes('..')) return 'It leads out of the project.';
  if (parts.includes('') || parts.includes('.')) return 'It is no plain path.';
  if (parts.some(isGitFolder)) return 'It lies in git’s own folder, which is never written to.';
  if (windows && parts.some((part) => /[\\:<>"|?*]|[. ]$/.test(part))) return 'Windows has no such file name.';
  return null;
}

/** Whether git can hold a file of this path. */
export function isGitPath(path: string): boolean {
  return refusedPath(path) === null;
}
