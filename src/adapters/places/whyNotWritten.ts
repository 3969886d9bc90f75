import path from 'node:path';
import { refusedPath } from '../../core/changes/changePaths.ts';
import { isInside } from '../isInside.ts';
import { resolveIn, type Shown } from './resolveIn.ts';

/**
 * Whether a write stays inside a place.
 * @param root of the project's files in the place, links resolved
 * @param file as the agent names it
 * @returns null where it does, else why not
 */
export async function whyNotWritten(root: string, shown: readonly Shown[], file: string): Promise<string | null> {
  if (!path.isAbsolute(file)) return 'It is no absolute path.';
  if (file.includes('\0')) return 'No file can have this name.';
  const led = await resolveIn(shown, file);
  if (led === null) return 'Its symbolic links lead in a circle.';
  if (!isInside(root, led.file)) {
    const straight = isInside(root, path.resolve(file));
    return straight
      ? `A symbolic link leads out of the branch’s copy of the project, to ${led.file}.`
      : `It lies outside of the branch’s copy of the project (${root}).`;
  }
  if (led.file === root) return 'It is the project’s own folder.';
  return refusedPath(path.relative(root, led.file).split(path.sep).join('/'));
}
