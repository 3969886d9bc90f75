// Recordings come from every system, and are read on any: paths are handled as text, by the look of their folder.

const windowsStart = /^(?:[A-Za-z]:[\\/]|[\\/]{2}[^\\/])/;
const longest = 4096;

function separatorOf(path: string): '/' | '\\' {
  return windowsStart.test(path) && !path.startsWith('//') ? '\\' : '/';
}

export function isAbsolutePath(path: string): boolean {
  return path.startsWith('/') || windowsStart.test(path);
}

/** The path without `.`, `..` and doubled separators. Nothing is looked up on disk. */
export function normalizedPath(path: string): string {
  const separator = separatorOf(path);
  const root = separator === '/' ? '/' : (/^(?:[A-Za-z]:|[\\/]{2}[^\\/]+[\\/][^\\/]+)/.exec(path)?.[0] ?? '');
  const parts: string[] = [];
  for (const part of path.slice(root.length).split(separator === '/' ? '/' : /[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return separator === '/' ? `/${parts.join('/')}` : [root, ...parts].join('\\');
}

/**
 * An absolute path from one that a recording names.
 * @param folder absolute; null where the recording names none
 * @returns null for what can't be the path of a file: empty, with a NUL, longer than any system allows, or relative to nothing
 */
export function absolutePath(folder: string | null, path: string): string | null {
  if (path === '' || path.length > longest || path.includes('\0')) return null;
  if (isAbsolutePath(path)) return normalizedPath(path);
  return folder === null || !isAbsolutePath(folder) ? null : normalizedPath(`${folder}${separatorOf(folder)}${path}`);
}

/** The path as seen from a folder, with `/` between its parts; null where it doesn't lie in it. */
export function pathInside(folder: string | null, path: string): string | null {
  if (folder === null || !isAbsolutePath(folder)) return null;
  const separator = separatorOf(folder);
  const start = normalizedPath(folder);
  const prefix = start.endsWith(separator) ? start : `${start}${separator}`;
  return path.startsWith(prefix) && path.length > prefix.length
    ? path.slice(prefix.length).replaceAll(separator, '/')
    : null;
}

export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), separatorOf(path) === '\\' ? path.lastIndexOf('\\') : -1) + 1);
}
