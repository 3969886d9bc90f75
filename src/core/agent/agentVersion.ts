/**
 * Whether a version of Claude Code is at least another one. An unknown version counts as the newest: it is the user's own, and they update by themselves.
 * @param version such as `2.1.329`; what stands behind the three numbers does not count
 */
export function isVersionAtLeast(version: string | null, least: string): boolean {
  const own = numbersOf(version);
  if (own === null) return true;
  const other = numbersOf(least) ?? [];
  const at = own.findIndex((number, index) => number !== (other[index] ?? 0));
  return at < 0 || (own[at] ?? 0) > (other[at] ?? 0);
}

function numbersOf(version: string | null): number[] | null {
  const found = /^\D*(\d+)\.(\d+)\.(\d+)/.exec(version ?? '');
  return found === null ? null : found.slice(1).map(Number);
}
