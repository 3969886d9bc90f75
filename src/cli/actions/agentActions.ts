import type { Answer, ChangedFile } from '../../core/agent/agentFacts.ts';
import { describeQuestion } from '../../core/agent/describeQuestion.ts';
import type { AppliedFile, ApplyResult } from '../../core/changes/applyChanges.ts';
import { BadInputError } from '../../core/errors.ts';
import { firstOf, oneLine, plural, relativeTime } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { plainText } from '../../core/plainText.ts';
import { forkPointName, recordedStateName } from '../../core/useCases/agentRuns.ts';
import { checksFailed, checksTable, failedOutputs } from '../agentReport.ts';
import { answersOf } from '../answersOf.ts';
import { branchIdOf } from '../branchIdOf.ts';
import { type CliContext, runIdOf } from '../context.ts';
import { printPatch } from '../printPatch.ts';
import { questionLines } from '../questionLines.ts';
import { runJson } from '../runReport.ts';
import { table } from '../table.ts';

/** `diff` */
export async function diff(context: CliContext, given: string, a: string, b: string | undefined): Promise<number> {
  const { stat, nameOnly } = context.options as { stat?: boolean; nameOnly?: boolean };
  const runId = await runIdOf(context, given);
  const { agents } = await context.services();
  const sides: [string, string] = b === undefined ? [forkPointName, a] : [a, b];
  for (const side of sides)
    if (side !== forkPointName && side !== recordedStateName) await lookAgain(context, runId, side);
  const { terminal } = context;
  if (terminal.json) {
    const [files, patch] = [await agents.files(runId, ...sides), await agents.patch(runId, ...sides)];
    terminal.printJson({ a: sides[0], b: sides[1], files, patch });
  } else if (nameOnly === true) {
    for (const { path } of await agents.files(runId, ...sides)) terminal.print(plainText(path));
  } else if (stat === true) {
    terminal.print(statTable(await agents.files(runId, ...sides)));
  } else {
    printPatch(context, await agents.patch(runId, ...sides));
  }
  return 0;
}

function statTable(files: readonly ChangedFile[]): string {
  const rows = files.map(({ path, status, from, added, removed, binary }) => [
    from === undefined ? plainText(path) : `${plainText(from)} → ${plainText(path)}`,
    status,
    binary ? 'binary' : `+${added} −${removed}`,
  ]);
  return table(['FILE', 'STATUS', 'LINES'], rows);
}

/** `check` */
export async function check(context: CliContext, given: string, branch: string | undefined): Promise<number> {
  const runId = await runIdOf(context, given);
  const { agents, forks, blobs } = await context.services();
  const only = branch === undefined ? null : branchIdOf(await forks.run(runId), branch);
  const view = await agents.check(runId, only, context.interrupted);
  const checked = view.branches.filter(({ branchId }) => only === null || branchId === only);
  const { terminal } = context;
  if (terminal.json) terminal.printJson(runJson(view));
  else {
    terminal.print(checksTable({ ...view, branches: checked }));
    for (const line of await failedOutputs(checked, 'checks', blobs)) terminal.print(line);
  }
  return checked.some(checksFailed) ? 1 : 0;
}

/** `apply` */
export async function apply(context: CliContext, given: string, branch: string): Promise<number> {
  const { dryRun, toBranch } = context.options as { dryRun?: boolean; toBranch?: string };
  const runId = await runIdOf(context, given);
  const { agents } = await context.services();
  if (toBranch !== undefined && dryRun === true) {
    throw new BadInputError('--dry-run and --to-branch exclude each other.', 'Leave one of them out.');
  }
  await lookAgain(context, runId, branch);
  if (toBranch !== undefined) {
    const result = await agents.toGitBranch(runId, branch, toBranch);
    return printApplied(context, result, result.notes, `Committed ${result.sha.slice(0, 10)} on ${result.branch}.`);
  }
  const plan = await agents.planApply(runId, branch);
  if (dryRun === true) {
    const files = plan.files.map(({ path, status, conflict }) => ({ path, status, conflict }));
    return printApplied(context, { applied: false, files }, plan.notes, 'Nothing was written.');
  }
  const result = await agents.apply(plan);
  const conflicts = result.files.filter(({ conflict }) => conflict !== null).length;
  const said = conflicts === 0 ? '' : ` ${plural(conflicts, 'file')} with a conflict: resolve what stands beside each.`;
  const done = result.applied ? `Applied to ${plan.root}.` : `Nothing was written to ${plan.root}.`;
  return printApplied(context, result, plan.notes, `${done}${said}`);
}

/** Takes in, or names, what was changed in a branch's place after it ended. */
async function lookAgain(context: CliContext, runId: RunId, branch: string): Promise<void> {
  const { now } = context.options as { now?: boolean };
  const { agents } = await context.services();
  if (now === true) {
    await agents.takeLaterChanges(runId, branch);
    return;
  }
  const paths = await agents.laterChanges(runId, branch);
  if (paths === null) context.terminal.note('A process lives in the branch’s place: what it changes is not included.');
  else if (paths.length > 0) {
    const said = `${plural(paths.length, 'file')} changed in the branch’s place after it ended (${firstOf(paths.map(plainText), 3)}), not included.`;
    context.terminal.note(`${said} With --now it is.`);
  }
}

function printApplied(context: CliContext, result: ApplyResult, notes: readonly string[], said: string): number {
  const { terminal } = context;
  if (terminal.json) terminal.printJson(result);
  else {
    if (result.files.length > 0) terminal.print(table(['FILE', 'STATUS', 'CONFLICT'], result.files.map(appliedRow)));
    for (const note of notes) terminal.note(plainText(note));
    terminal.note(result.files.length === 0 ? 'The branch changed no file.' : said);
  }
  return result.files.some(({ conflict }) => conflict !== null) ? 1 : 0;
}

function appliedRow({ path, status, conflict }: AppliedFile): string[] {
  return [plainText(path), status, conflict ?? ''];
}

/** `questions` */
export async function questions(context: CliContext, given: string | undefined): Promise<number> {
  const { agents } = await context.services();
  const open = await agents.questions(given === undefined ? undefined : await runIdOf(context, given));
  const { terminal } = context;
  if (terminal.json) terminal.printJson({ questions: open });
  else if (open.length === 0) terminal.note('No agent waits for an answer.');
  else {
    const rows = open.map((question) => [
      question.runId,
      `${oneLine(question.branch, 30)} (${question.branchId})`,
      question.callId,
      oneLine(describeQuestion(question), 80),
      relativeTime(question.askedAt, Date.now()),
    ]);
    terminal.print(table(['RUN', 'BRANCH', 'CALL', 'ASKS', 'SINCE'], rows));
    for (const question of open) terminal.print(['', ...questionLines(question, question)].join('\n'));
  }
  return 0;
}

/** `approve` */
export async function approve(context: CliContext, given: string, branch: string, callId: string): Promise<number> {
  const options = context.options as { for?: 'branch' | 'run'; answer?: string[] };
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const view = await forks.run(runId);
  const branchId = branchIdOf(view, branch);
  const asked = view.branches
    .find((candidate) => candidate.branchId === branchId)
    ?.questions.find((question) => question.callId === callId);
  return give(context, given, branch, callId, {
    behavior: 'allow',
    scope: options.for ?? 'call',
    ...(options.answer !== undefined && { answers: answersOf(options.answer, asked?.input) }),
  });
}

/** `deny` */
export async function deny(context: CliContext, given: string, branch: string, callId: string): Promise<number> {
  const { message } = context.options as { message?: string };
  return give(context, given, branch, callId, {
    behavior: 'deny',
    scope: 'call',
    ...(message !== undefined && { message }),
  });
}

async function give(
  context: CliContext,
  given: string,
  branch: string,
  callId: string,
  answer: Answer,
): Promise<number> {
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  await forks.answer(runId, branchIdOf(await forks.run(runId), branch), callId, answer);
  if (context.terminal.json) context.terminal.printJson({ runId, branch, callId, ...answer });
  else context.terminal.note(answer.behavior === 'allow' ? 'Allowed.' : 'Denied.');
  return 0;
}
