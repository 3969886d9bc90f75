import { describeChecks, summarizeChecks } from '../../core/checks/checkSummary.ts';
import { plural } from '../../core/format.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';

/**
 * What the checks say of a branch and its repeats, or of the recorded end (null): `failed before, passed as recorded, passes in
 * 2 of 3 (95 %: 21–94 %)`. Several checks are counted; the detail has each.
 */
export function checksCell(branch: BranchView | null, { branches, checks }: RunView): { text: string; detail: string } {
  const repeats = branch === null ? [] : branches.filter(({ name }) => name === branch.name);
  const checked = repeats.map((repeat) => repeat.checks).filter((results) => results.length > 0);
  const summaries = summarizeChecks(checked, checks);
  if (summaries.length === 0) return { text: '–', detail: 'no checks ran' };
  const own = branch === null ? checks.recorded : branch.checks;
  const detail = summaries.map((summary) => `${summary.name}: ${describeChecks(summary)}`).join('; ');
  const [only] = summaries;
  const verdict = ownVerdict(own);
  if (branch === null) return { text: verdict || '–', detail };
  if (only === undefined || summaries.length > 1) return { text: verdict || 'not checked', detail };
  const said = describeChecks(only);
  // Each repeat has a row, and the share is that of all of them.
  return { text: repeats.length > 1 && verdict !== '' ? `${verdict} · ${said}` : said, detail };
}

/** Share of the branch's own checks that passed, null where none ran. */
export function passedShare({ checks }: BranchView): number | null {
  return checks.length === 0 ? null : checks.filter(({ passed }) => passed).length / checks.length;
}

function ownVerdict(checks: BranchView['checks']): string {
  const passed = checks.filter((check) => check.passed).length;
  if (checks.length === 0) return '';
  if (checks.length === 1) return passed === 1 ? 'passed' : 'failed';
  return `${passed} of ${plural(checks.length, 'check')} passed`;
}
