import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { CheckResult } from '../../core/agent/agentFacts.ts';
import { describeTeardown } from '../../core/agent/describeTeardown.ts';
import type { BlobStore } from '../../core/blobStore.ts';
import { BadInputError, NotConfirmedError } from '../../core/errors.ts';
import { money, oneLine, relativeTime } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { type LimitChange, limitChangeSchema } from '../../core/run/runLimits.ts';
import type { RunView } from '../../core/run/runView.ts';
import { forkPointName } from '../../core/useCases/agentRuns.ts';
import { outputOf } from '../agentReport.ts';
import { branchIdOf } from '../branchIdOf.ts';
import { confirmSending } from '../confirmSending.ts';
import { type CliContext, runIdOf } from '../context.ts';
import { exportMarkdown, fileNameOf } from '../exportRun.ts';
import { checkDetach, finishRun } from '../finishRun.ts';
import { forkRequestOf } from '../forkOptions.ts';
import { previewLines } from '../previewLines.ts';
import { printRun } from '../printRun.ts';
import { exitCodeOf, runJson } from '../runReport.ts';
import { table } from '../table.ts';

/** `runs` */
export async function listRuns(context: CliContext): Promise<number> {
  const { limit } = context.options as { limit?: number };
  const { forks } = await context.services();
  const views = await forks.runs(limit);
  if (context.terminal.json) context.terminal.printJson({ runs: views.map(runJson) });
  else if (views.length === 0) context.terminal.note('No runs yet. Make one with `forkpoint fork`.');
  else context.terminal.print(runsTable(views, Date.now()));
  return 0;
}

function runsTable(views: readonly RunView[], now: number): string {
  const rows = views.map((view) => {
    const done = view.branches.filter(({ state }) => state === 'completed').length;
    return [
      view.runId,
      oneLine(view.title, 40),
      view.interrupted ? 'interrupted' : view.state,
      `${done} of ${view.branches.length}`,
      view.provider === 'demo' ? 'free' : money(view.costUsd),
      view.engine,
      relativeTime(view.createdAt, now),
    ];
  });
  return table(['RUN', 'AT', 'STATE', 'BRANCHES', 'COST', 'ENGINE', 'MADE'], rows, ['COST']);
}

/** `status` */
export async function status(context: CliContext, given: string): Promise<number> {
  const { wait } = context.options as { wait?: boolean };
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  if (wait !== true) {
    await printRun(context, await forks.run(runId));
    return 0;
  }
  // Who waits did not start it: an interrupt ends the waiting and leaves the run alone.
  const view = await forks.whenEnded(runId, context.interrupted);
  await printRun(context, view);
  return exitCodeOf(view, false);
}

/** `cancel` */
export async function cancel(context: CliContext, given: string, branch: string | undefined): Promise<number> {
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const before = await forks.run(runId);
  const branchId = branch === undefined ? undefined : branchIdOf(before, branch);
  await forks.cancel(runId, branchId);
  await printRun(context, await whenStopped(context, runId, branchId));
  return 0;
}

/** `add` */
export async function add(context: CliContext, given: string): Promise<number> {
  const { branch } = context.options as { branch: string[] };
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const view = await forks.run(runId);
  // Where the run was cut stands in its plan.
  const { branches } = await forkRequestOf(view.session.sessionId, { turn: 1 }, { branch });
  const preview = await forks.previewAdded(runId, branches);
  for (const line of previewLines(preview)) context.terminal.note(line);
  await confirmSending(context, preview);
  const ids = await forks.addBranches(runId, branches);
  context.terminal.note(`Added ${ids.join(', ')} to run ${runId}`);
  // Who adds a branch did not start the run, and does not wait for it.
  await printRun(context, await forks.run(runId));
  return 0;
}

/** `limits` */
export async function limits(context: CliContext, given: string): Promise<number> {
  const { budgetUsd, timeoutSeconds, concurrency } = context.options as LimitChange;
  const change = {
    ...(budgetUsd !== undefined && { budgetUsd }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds }),
    ...(concurrency !== undefined && { concurrency }),
  };
  const accepted = limitChangeSchema.safeParse(change);
  if (!accepted.success) {
    const words = accepted.error.issues.map(({ message }) => message).join(' ');
    throw new BadInputError(words, 'Give --budget-usd, --timeout-seconds or --concurrency.');
  }
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  await forks.changeLimits(runId, accepted.data);
  await printRun(context, await forks.run(runId));
  return 0;
}

/** The owner of the run may be another process: it is given some seconds to do as it was told. */
async function whenStopped(context: CliContext, runId: RunId, branchId: BranchId | undefined): Promise<RunView> {
  const { forks, runs } = await context.services();
  const enough = AbortSignal.any([AbortSignal.timeout(10_000), context.interrupted]);
  if (branchId === undefined) {
    return forks.whenEnded(runId, enough).catch(() => forks.run(runId));
  }
  const stop = new AbortController();
  for await (const _event of runs.follow(runId, AbortSignal.any([stop.signal, enough]))) {
    const state = (await forks.run(runId)).branches.find((branch) => branch.branchId === branchId)?.state;
    if (state !== 'running' && state !== 'waiting' && state !== 'pending') stop.abort();
  }
  return forks.run(runId);
}

/** `retry` */
export const retry = (context: CliContext, given: string): Promise<number> => runAgain(context, given, 'retry');

/** `resume` */
export const resume = (context: CliContext, given: string): Promise<number> => runAgain(context, given, 'resume');

async function runAgain(context: CliContext, given: string, reason: 'retry' | 'resume'): Promise<number> {
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const view = await forks.run(runId);
  checkDetach(view.engine, context.options as object);
  const preview = await forks.previewAgain(runId, reason);
  if (preview.branches.length > 0) {
    const { executor } = view;
    await confirmSending(context, { ...preview, requests: preview.branches.length, executor, agent: null });
  }
  await forks[reason](runId);
  context.terminal.note(`Run ${runId}`);
  return finishRun(context, runId);
}

/** `again` */
export async function again(context: CliContext, given: string, branch: string): Promise<number> {
  const { step } = context.options as { step: number };
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const view = await forks.run(runId);
  checkDetach(view.engine, context.options as object);
  const from = { branchId: branchIdOf(view, branch), step };
  const preview = await forks.previewFromStep(runId, from);
  await confirmSending(context, { ...preview, requests: 1, executor: view.executor, agent: null });
  const plan = await forks.runFromStep(runId, from);
  context.terminal.note(`Run ${plan.runId}`);
  return finishRun(context, plan.runId);
}

/** `delete` */
export async function deleteRun(context: CliContext, given: string): Promise<number> {
  const runId = await runIdOf(context, given);
  const { forks } = await context.services();
  const { terminal, options } = context;
  const { title, executor } = await forks.run(runId);
  const what = `the run ${runId} (${oneLine(title, 60)})${executor === 'api' ? '' : ', its places and what its agents changed in them'}`;
  if (options.yes !== true) {
    if (!terminal.interactive) throw new NotConfirmedError(`This deletes ${what}.`, 'Add --yes to agree.');
    if (!(await terminal.confirm(`This deletes ${what}. Go on?`, context.interrupted))) {
      throw new NotConfirmedError('Nothing was deleted.', 'Run it again and answer y, or add --yes.');
    }
  }
  const failedTeardowns = await forks.delete(runId);
  if (terminal.json) terminal.printJson({ deleted: runId, failedTeardowns });
  else terminal.print(`Deleted ${runId}.`);
  for (const failed of failedTeardowns) terminal.note(oneLine(describeTeardown(failed), 400));
  return failedTeardowns.length === 0 ? 0 : 1;
}

/** A set-up command or a check with what it printed. */
async function checkSection(result: CheckResult, blobs: BlobStore): Promise<string> {
  const { name, passed, exitCode } = result;
  const end = exitCode === null ? 'ended before it was through' : `exit code ${exitCode}`;
  return `== ${oneLine(name)}: ${passed ? 'passed' : 'failed'}, ${end}\n${(await outputOf(result, blobs)) ?? ''}`;
}

/** `export` */
export async function exportRun(context: CliContext, given: string): Promise<number> {
  const { to } = context.options as { to?: string };
  const runId = await runIdOf(context, given);
  const { forks, agents, blobs } = await context.services();
  const [view, comparison] = [await forks.run(runId), await forks.compare(runId)];
  const folder = path.resolve(to ?? '.');
  await mkdir(folder, { recursive: true });
  const files: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(path.join(folder, name), text);
    files.push(path.join(folder, name));
  };
  await write('run.json', `${JSON.stringify({ ...runJson(view), comparison }, null, 2)}\n`);
  await write('run.md', exportMarkdown(view, comparison));
  for (const branch of view.branches) {
    await write(fileNameOf(branch), `${branch.text}\n`);
    const base = fileNameOf(branch).replace(/\.txt$/, '');
    if (branch.files.length > 0) {
      await write(`${base}.patch`, await agents.patch(runId, forkPointName, branch.branchId));
    }
    const outputs = await Promise.all([...branch.setup, ...branch.checks].map((result) => checkSection(result, blobs)));
    if (outputs.length > 0) await write(`${base}.checks.txt`, outputs.join('\n'));
  }
  if (context.terminal.json) context.terminal.printJson({ runId, files });
  else for (const file of files) context.terminal.print(file);
  return 0;
}
