import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/**
 * All that a folder holds, git's own folder (HEAD, refs, index, stash, worktrees, logs) included: a line for each path with its kind,
 * permissions, time of change and a digest. Two of them differ wherever anything was written, even a file that was there for a moment.
 */
export function treeHash(folder: string): string[] {
  const lines: string[] = [];
  const visit = (name: string): void => {
    const file = path.join(folder, name);
    const stats = lstatSync(file);
    const mode = stats.mode.toString(8);
    lines.push(`${name} ${mode} ${stats.mtimeMs} ${digestOf(file, stats)}`);
    if (stats.isDirectory()) for (const entry of readdirSync(file).sort()) visit(path.join(name, entry));
  };
  visit('.');
  return lines;
}

function digestOf(file: string, stats: ReturnType<typeof lstatSync>): string {
  if (stats?.isSymbolicLink()) return `-> ${readlinkSync(file)}`;
  return stats?.isFile() ? createHash('sha256').update(readFileSync(file)).digest('hex') : '';
}
