/** The `code` of a file system error (`ENOENT`, …), null where it has none. */
export function fileErrorCode(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

/** Has a disk, or a person's share of it, no room left? Also where the error of a program or of the file system is only the cause. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = fileErrorCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device|Disk quota exceeded/.test(error.message))
    return true;
  return isDiskFull(error.cause);
}

/** Is it the error of a file or folder that isn't there? */
export function isAbsent(error: unknown): boolean {
  const code = fileErrorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
