import { askGit } from './runGit.ts';

/**
 * What of a checkout differs from its commit, ignored files left out. A folder that is a repository of its own is named with a slash.
 * @param root top of the checkout, absolute
 * @returns paths relative to it; none where git can't say
 */
export async function uncommittedFiles(root: string): Promise<string[]> {
  const args = ['status', '--porcelain', '-z', '--untracked-files=all', '--no-renames'];
  const told = await askGit(args, { cwd: root, config: 'user', timeoutMs: 20_000 });
  return (told?.toString('utf8') ?? '').split('\0').flatMap((entry) => (entry.length > 3 ? entry.slice(3) : []));
}
