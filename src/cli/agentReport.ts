import * as z from 'zod';
import type { ChangedFile, CheckResult } from '../core/agent/agentFacts.ts';
import { describeQuestion } from '../core/agent/describeQuestion.ts';
import { describeTeardown } from '../core/agent/describeTeardown.ts';
import type { BlobStore } from '../core/blobStore.ts';
import { describeChecks, describeProblem, summarizeChecks } from '../core/checks/checkSummary.ts';
import { duration, oneLine, plural } from '../core/format.ts';
import { printableText } from '../core/plainText.ts';
import { limitText } from '../core/run/limitText.ts';
import { nameOf } from '../core/run/nameOf.ts';
import type { BranchView, RunView } from '../core/run/runView.ts';
import { questionLines } from './questionLines.ts';
import { table } from './table.ts';

/** What is to be known of branches beside what they said, some lines each: files, checks, questions, what was denied, notes. */
export function detailLines(view: RunView): string[] {
  return [...view.branches.flatMap((branch) => branchLines(view, branch)), ...baselineLines(view)];
}

function branchLines(view: RunView, branch: BranchView): string[] {
  const facts = branchFacts(branch);
  const below = [
    ...branch.commits.map(({ sha, subject }) => `commit ${sha.slice(0, 10)} ${oneLine(subject, 100)}`),
    ...branch.questions.flatMap((question) =>
      questionLines(question, { runId: view.runId, branchId: branch.branchId }),
    ),
    ...branch.denied.map(({ tool, message }) => `denied: ${oneLine(tool, 40)} · ${oneLine(message, 160)}`),
    ...branch.inDoubt.map((call) => `may have been carried out: ${oneLine(describeQuestion(call), 160)}`),
    ...branch.notes.map((note) => oneLine(note, 200)),
  ];
  if (facts === '' && below.length === 0) return [];
  return [`${oneLine(nameOf(branch), 40)}: ${facts}`.trimEnd(), ...below.map((line) => `  ${line}`)];
}

function branchFacts(branch: BranchView): string {
  const { files, changeSet, commits, checks, prefix } = branch;
  return [
    branch.waitingFor === 'limit' ? limitText(branch) : '',
    changeSet === null ? '' : changesText(files),
    commits.length === 0 ? '' : plural(commits.length, 'commit'),
    ...checks.map((check) => `${oneLine(check.name, 40)} ${verdictOf(check)}`),
    prefix === null ? '' : prefixText(prefix),
  ]
    .filter((fact) => fact !== '')
    .join(' · ');
}

/** `+12 −3 in 2 files` */
export function changesText(files: readonly ChangedFile[]): string {
  if (files.length === 0) return 'no files changed';
  const sum = (of: 'added' | 'removed'): number => files.reduce((total, file) => total + file[of], 0);
  return `+${sum('added')} −${sum('removed')} in ${plural(files.length, 'file')}`;
}

function prefixText({ equal, total, stopsAt }: NonNullable<BranchView['prefix']>): string {
  const why = stopsAt === null ? '' : ` (${oneLine(stopsAt, 100)})`;
  return `prefix ${equal} of ${total} as recorded${why}`;
}

/** How each check does on the two states that branches are compared with, and in how many branches. */
function baselineLines({ checks, branches, failedTeardowns }: RunView): string[] {
  const results = branches.map((branch) => branch.checks).filter(({ length }) => length > 0);
  return [
    ...summarizeChecks(results, checks).map((each) => `check ${oneLine(each.name, 40)}: ${describeChecks(each)}`),
    ...checks.problems.map((problem) => `checks: ${oneLine(describeProblem(problem), 200)}`),
    ...failedTeardowns.map((failed) => `teardown: ${oneLine(describeTeardown(failed), 400)}`),
  ];
}

function verdictOf({ passed, cached }: Pick<CheckResult, 'passed' | 'cached'>): string {
  return `${passed ? 'passed' : 'failed'}${cached === true ? ' (cached)' : ''}`;
}

/** Whether a check of a branch failed, when it was last run. */
export function checksFailed({ checks }: Pick<BranchView, 'checks'>): boolean {
  return checks.some(({ passed }) => !passed);
}

/** Results of checks, one row each: of the two baselines, then of the branches. */
export function checksTable({ checks, branches }: RunView): string {
  const rowsOf = (where: string, results: readonly CheckResult[]): string[][] =>
    results.map(({ exitCode, ms, ...check }) => [
      oneLine(where, 40),
      oneLine(check.name, 40),
      verdictOf(check),
      exitCode === null ? 'ended' : String(exitCode),
      duration(ms),
    ]);
  const rows = [
    ...rowsOf('fork point', checks.forkPoint),
    ...rowsOf('recorded', checks.recorded),
    ...branches.flatMap((branch) => rowsOf(nameOf(branch), branch.checks)),
  ];
  return table(['BRANCH', 'CHECK', 'RESULT', 'EXIT', 'TIME'], rows, ['EXIT', 'TIME']);
}

const outputSchema = z.object({ text: z.string() });
const shownLines = 12;

/** What failed set-up commands or checks of these branches printed last, so that nobody has to look for it. */
export async function failedOutputs(
  branches: readonly BranchView[],
  of: 'setup' | 'checks',
  blobs: BlobStore,
): Promise<string[]> {
  const failed = branches.flatMap((branch) =>
    lastOfEach(branch[of])
      .filter(({ passed }) => !passed)
      .map((result) => ({ branch, result })),
  );
  const texts = await Promise.all(failed.map(async ({ result }) => outputOf(result, blobs)));
  return failed.flatMap(({ branch, result }, index) => {
    const lines = (texts[index] ?? '').trimEnd().split('\n');
    if (lines.length === 1 && lines[0] === '') return [];
    const rest = lines.length > shownLines ? [`  … ${plural(lines.length - shownLines, 'line')} before`] : [];
    const title = `${oneLine(nameOf(branch), 40)} · ${oneLine(result.name, 80)}:`;
    return [title, ...rest, ...lines.slice(-shownLines).map((line) => `  ${printableText(line, false)}`)];
  });
}

/** The last result of each command: a set-up runs again where it failed. */
function lastOfEach(results: readonly CheckResult[]): CheckResult[] {
  return [...new Map(results.map((result) => [result.name, result])).values()];
}

/** What a command printed, null where nothing of it is kept. */
export async function outputOf({ output }: CheckResult, blobs: BlobStore): Promise<string | null> {
  return output === null ? null : outputSchema.parse(await blobs.get(output)).text;
}

/** The next steps with a run whose agents changed something. */
export function nextSteps({ runId, branches }: RunView): string | null {
  const changed = branches.find(({ files }) => files.length > 0);
  if (changed === undefined) return null;
  const of = `${runId} ${changed.branchId}`;
  return `See the code: forkpoint diff ${of} · take it over: forkpoint apply ${of} · go on: forkpoint continue ${of}`;
}
