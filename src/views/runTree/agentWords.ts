import type { ChangedFile, CheckResult, Question } from '../../core/agent/agentFacts.ts';
import { describeQuestion } from '../../core/agent/describeQuestion.ts';
import { duration, oneLine } from '../../core/format.ts';
import type { BranchView } from '../../core/run/runView.ts';
import { agentActivity, changesText, checksText } from '../agentProgress.ts';
import { relativeTo } from './relativeTo.ts';

/** `+12 −3`: what `changesText` says, without the number of files, which are rows of their own. */
export function linesFact(files: readonly ChangedFile[]): string {
  return changesText(files).replace(/ in .*$/, '');
}

/** What the checks of a branch, or of repeats, say: `tests pass`, `passes in 2 of 3`. Empty where none ran. */
export function checksFact(branches: readonly BranchView[]): string {
  const checked = branches.filter(({ checks }) => checks.length > 0);
  const [only] = checked;
  if (only === undefined) return '';
  if (branches.length === 1) return checksText(only.checks);
  const passed = checked.filter(({ checks }) => checks.every((check) => check.passed)).length;
  return `passes in ${passed} of ${checked.length}`;
}

/** `passed · 2.1 s`, `failed with exit code 1 · 0.4 s`; `passed · 2.1 s (cached)` where an earlier check found it. */
export function checkOutcome({ passed, exitCode, ms, cached }: CheckResult): string {
  const outcome = passed
    ? 'passed'
    : exitCode === null
      ? 'stopped before its end'
      : `failed with exit code ${exitCode}`;
  const took = ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
  return `${outcome} · ${took}${cached === true ? ' (cached)' : ''}`;
}

/** What an agent asks for in one line, paths relative to where it works. */
export function questionText(
  question: Pick<Question, 'tool' | 'input'>,
  branch: Pick<BranchView, 'place'>,
  folder: string | null,
  max = 100,
): string {
  return oneLine(withoutPlace(describeQuestion(question), branch, folder), max);
}

/** What an agent does or waits for. @param now milliseconds since the epoch */
export function activityText(branch: BranchView, folder: string | null, now: number): string {
  return withoutPlace(agentActivity(branch, now), branch, folder);
}

function withoutPlace(text: string, { place }: Pick<BranchView, 'place'>, folder: string | null): string {
  return relativeTo(folder, relativeTo(place?.path ?? null, text));
}
