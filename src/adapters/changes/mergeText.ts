import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { MergeText } from '../../core/changes/applyChanges.ts';
import { StorageError } from '../../core/errors.ts';
import { oneLine } from '../../core/format.ts';
import { runGit } from '../git/runGit.ts';

/**
 * Merges texts as git does. It needs no repository, and the person's own `merge.conflictStyle` counts.
 * @param name of the branch, for the markers
 */
export function mergeTextWith(name: string): MergeText {
  return async (ours, base, theirs) => {
    if ([ours, base, theirs].some(isBinary)) return null;
    const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-merge-'));
    try {
      await writeFile(path.join(folder, 'ours'), ours, { mode: 0o600 });
      await writeFile(path.join(folder, 'base'), base, { mode: 0o600 });
      await writeFile(path.join(folder, 'theirs'), theirs, { mode: 0o600 });
      const labels = ['yours', 'fork point', oneLine(name, 80)].flatMap((label) => ['-L', label]);
      const args = ['merge-file', '-p', '-q', ...labels, 'ours', 'base', 'theirs'];
      const { code, stdout, stderr } = await runGit(args, { cwd: folder, config: 'user' });
      // Up to 127 it is the number of conflicts.
      if (code === null || code > 127)
        throw new StorageError(`git could not merge a file: ${stderr}`, 'Apply the patch of `forkpoint diff` by hand.');
      return { bytes: new Uint8Array(stdout), conflicts: code };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** As git tells it: by a NUL near the beginning. */
function isBinary(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 8000).includes(0);
}
