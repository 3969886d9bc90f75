import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isNetworkPath } from './isNetworkPath.ts';
import { readSmallFile } from './readSmallFile.ts';

/**
 * Folders of a repository's linked worktrees that git has not forgotten yet, also where a folder is gone.
 * @param repository folder of the main checkout, or of a bare repository
 */
export async function linkedWorktrees(repository: string): Promise<string[]> {
  if (isNetworkPath(repository)) return [];
  for (const gitDir of [join(repository, '.git'), repository, join(repository, '.bare')]) {
    const folder = join(gitDir, 'worktrees');
    const names = await readdir(folder).catch(() => null);
    if (names === null) continue;
    const files = await Promise.all(
      names.map(async (name) => {
        // Names the worktree's own `.git` file; relative since git 2.48 where so configured.
        const link = (await readSmallFile(join(folder, name, 'gitdir')))?.trim();
        return link === undefined || link === '' ? null : resolve(folder, name, link);
      }),
    );
    return files.filter((file) => file !== null).map(dirname);
  }
  return [];
}
