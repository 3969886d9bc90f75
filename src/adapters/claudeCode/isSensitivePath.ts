import path from 'node:path';
import { isInside } from '../isInside.ts';

// With these characters in it a name is still the same one for HFS+.
const ignorable = /[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g;
const folders = new Set(['.git', 'git~1', '.claude', 'claude~1', '.vscode', 'vscode~1']);

/**
 * Whether a write there can change what programs do without being asked: `.git` (hooks), `.claude` (settings, hooks), `.vscode`
 * (tasks). The answer is by names, in any spelling that some file system takes for them.
 * @param root of the project, as `file` names it
 * @param file absolute
 */
export function isSensitivePath(root: string, file: string): boolean {
  const inRoot = isInside(root, file) ? path.relative(root, file) : file;
  return inRoot.split(/[\\/]/).some((part) =>
    folders.has(
      part
        .replaceAll(ignorable, '')
        .normalize('NFKC')
        .toLowerCase()
        .replace(/[. ]+$/, ''),
    ),
  );
}
