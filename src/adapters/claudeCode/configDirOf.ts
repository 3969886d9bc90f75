import { isInside } from '../isInside.ts';
import { projectsIn } from './layout.ts';

/**
 * Claude Code's config folder that a fork of a session is written into: the one that the session lies in, else (a session of our
 * archive, a file given by its path) the first one.
 * @param file absolute path of the transcript
 */
export function configDirOf(file: string, claudeDirs: readonly string[]): string {
  const own = claudeDirs.find((dir) => isInside(projectsIn(dir), file)) ?? claudeDirs[0];
  if (own === undefined) throw new Error('There is no config folder of Claude Code.');
  return own;
}
