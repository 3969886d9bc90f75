import type { Commit } from '../../core/agent/agentFacts.ts';
import { runGit } from '../git/runGit.ts';

const most = 1000;

/** Arguments of git that list commits beyond one (null: all), oldest first. */
export function newCommitsArgs(since: string | null): string[] {
  const range = since === null ? ['HEAD'] : ['HEAD', `^${since}`];
  return ['log', '-z', '--reverse', `--max-count=${most}`, '--format=%H %s', ...range, '--'];
}

/**
 * Those of the listed commits that the user's repository doesn't have: what the user committed meanwhile can show in a place, too.
 * @param repository any folder in the user's checkout
 */
export async function newCommits(listed: string, repository: string): Promise<Commit[]> {
  const commits = listed
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => ({ sha: line.slice(0, line.indexOf(' ')), subject: line.slice(line.indexOf(' ') + 1) }));
  if (commits.length === 0) return [];
  const input = commits.map(({ sha }) => `${sha}\n`).join('');
  const { code, stdout } = await runGit(['cat-file', '--batch-check=%(objecttype)'], {
    cwd: repository,
    config: 'user',
    input,
  });
  if (code !== 0) return commits;
  const known = stdout.toString('latin1').split('\n');
  return commits.filter((_, at) => known[at] !== 'commit');
}
