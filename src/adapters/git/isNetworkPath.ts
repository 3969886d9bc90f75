/**
 * Is the path one of another machine, as Windows names it? Merely looking at such a path makes Windows sign in there, and a
 * recording or a repository's files may name any.
 */
export function isNetworkPath(path: string): boolean {
  return /^[\\/]{2}/.test(path);
}
