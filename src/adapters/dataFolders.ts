import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import envPaths from 'env-paths';

/** Where our own data lies when nobody says otherwise: the user's data folder of this system. */
export const defaultHome = envPaths('forkpoint', { suffix: '' }).data;

/** Our data folder: the given one, else `FORKPOINT_HOME`, else the system's. Absolute, existing or not. */
export function homeOf(given: string | undefined): string {
  return resolve(given ?? (process.env.FORKPOINT_HOME || defaultHome));
}

/** Claude Code's config folders: the given ones, else `CLAUDE_CONFIG_DIR`, else `~/.claude`. Absolute, existing or not. */
export function claudeDirsOf(given: readonly string[] | undefined): string[] {
  if (given !== undefined && given.length > 0) return given.map((dir) => resolve(withHome(dir)));
  return [resolve(process.env.CLAUDE_CONFIG_DIR || join(homedir(), '.claude'))];
}

/** A path in which a leading `~` is the user's home: settings, and `--claude-dir=~/x`, pass no shell that writes it out. */
export function withHome(dir: string): string {
  return /^~(?:[\\/]|$)/.test(dir) ? join(homedir(), dir.slice(1)) : dir;
}

/** Kept sessions lie there in our data folder. */
export function archiveIn(home: string): string {
  return join(home, 'archive');
}

/** What can be made again from the sessions lies there in our data folder. */
export function indexIn(home: string): string {
  return join(home, 'index');
}
