import { BadInputError } from '../../core/errors.ts';
import type { RecordedCommit } from '../../core/files/fileState.ts';
import { askGitText, type GitOptions } from './runGit.ts';

/** The commit that was checked out at a moment of a recording. */
export interface BaseCommit {
  /** Full id; null where it is the one that is checked out now, or can't be known. */
  commit: string | null;
  /** How that is known, or why it isn't; a sentence. */
  reason: string;
}

interface Checkout {
  commit: string;
  /** Seconds since the epoch. */
  at: number;
}

function options(folder: string): GitOptions {
  return { cwd: folder, config: 'user', timeoutMs: 20_000 };
}

/** The object of a revision, whatever it begins with; null for what is none, and for the opposite of one (`^HEAD`). */
async function objectId(folder: string, revision: string): Promise<string | null> {
  const found = await askGitText(['rev-parse', '--verify', '--quiet', '--end-of-options', revision], options(folder));
  return found !== null && /^[0-9a-f]{40,}$/.test(found) ? found : null;
}

/** Commits by several names, asked of one git; null for what is none. */
async function allResolved(folder: string, names: readonly (string | null)[]): Promise<(string | null)[]> {
  // One a line: none that is recorded has a line end.
  const lines = names.map((name) => (name === null || /[\r\n]/.test(name) ? '' : name));
  const input = lines.map((name) => `${name}^{commit}\n`).join('');
  const told = await askGitText(['cat-file', '--batch-check=%(objectname)'], { ...options(folder), input });
  const found = told?.split('\n') ?? [];
  return lines.map((name, at) =>
    name !== '' && /^[0-9a-f]{40,64}$/.test(found[at] ?? '') ? (found[at] ?? null) : null,
  );
}

/** What HEAD of this checkout was, newest first, as far as the repository remembers. */
async function checkouts(folder: string): Promise<Checkout[]> {
  const args = ['log', '--walk-reflogs', '--format=%H %gd', '--date=raw', '--no-show-signature', 'HEAD', '--'];
  const log = await askGitText(args, options(folder));
  return (log ?? '').split('\n').flatMap((line) => {
    const found = /^([0-9a-f]+) HEAD@\{(\d+) /.exec(line);
    return found === null ? [] : { commit: found[1] ?? '', at: Number(found[2]) };
  });
}

/**
 * The commit by the reflog. It counts seconds: where several commits were checked out in the
 * second of the moment, the recorded one is taken.
 */
function fromReflog(log: readonly Checkout[], at: string | null, recorded: string | null): string | null {
  const second = at === null ? Number.NaN : Math.floor(Date.parse(at) / 1000);
  const index = log.findIndex((entry) => entry.at <= second);
  if (index < 0) return null;
  const before = log.findIndex((entry) => entry.at < second);
  const possible = log.slice(index, before < 0 ? undefined : before + 1);
  return (possible.find(({ commit }) => commit === recorded) ?? possible[0])?.commit ?? null;
}

/**
 * Finds the commit that a place for this moment begins from: by what the repository remembers, else by what the recording says (the
 * last commit that was made before, else the one that the session began from), as far as that commit is there.
 * @param folder that the session ran in, absolute
 */
export async function baseCommitOf(folder: string, recorded: RecordedCommit): Promise<BaseCommit> {
  const [[head = null, made = null, start = null], log] = await Promise.all([
    allResolved(folder, ['HEAD', recorded.made, recorded.start]),
    checkouts(folder),
  ]);
  if (head === null) return { commit: null, reason: 'The folder is in no git repository with a commit.' };
  const said = made ?? start;
  const known = fromReflog(log, recorded.at, said);
  const commit = known ?? said;
  if (commit === null) {
    const isNamed = recorded.made !== null || recorded.start !== null;
    const reason = isNamed ? 'The recorded commit is not in the repository.' : 'The recording names no commit.';
    return { commit: null, reason: `${reason} The place begins from what is checked out now.` };
  }
  if (commit === head) return { commit: null, reason: 'The commit of that moment is checked out now.' };
  const by = known !== null ? 'as the repository remembers' : 'as recorded';
  return { commit, reason: `${commit.slice(0, 12)} was checked out at that moment, ${by}.` };
}

/** Resolves a revision that a person named. @returns its full id @throws BadInputError where the repository has none of that name */
export async function commitNamed(folder: string, name: string): Promise<string> {
  // By steps: behind `:/words` a suffix would be one more word.
  const object = await objectId(folder, name);
  const commit = object === null ? null : await objectId(folder, `${object}^{commit}`);
  if (commit !== null) return commit;
  throw new BadInputError(
    `There is no commit ${JSON.stringify(name)} in ${folder}.`,
    'Give a commit of the repository, "turn" or "now".',
    { path: 'files' },
  );
}
