import * as vscode from 'vscode';
import { NotFoundError } from '../../core/errors.ts';
import { modelName, money, oneLine, plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { ForkService } from '../../core/run/forkService.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { CommandHandlers } from '../commands.ts';
import type { RunTarget } from '../commandTable.ts';
import { type DispatchDeps, requireTrust } from '../dispatchRun.ts';
import type { Pickers } from '../pickers.ts';
import { settings } from '../settings.ts';
import { isUnderWay } from './runNodes.ts';
import { costOfRun } from './runRows.ts';

export interface RunCommandDeps extends DispatchDeps {
  pickers: Pickers;
}

type RunCommands = Pick<
  CommandHandlers,
  | 'forkpoint.cancelBranch'
  | 'forkpoint.cancelRun'
  | 'forkpoint.retryFailed'
  | 'forkpoint.resumeRun'
  | 'forkpoint.deleteRun'
  | 'forkpoint.openRunInTemporal'
>;

const canRetry = (run: RunView) => !isUnderWay(run.state) && run.branches.some(wasLeft);
const wasLeft = ({ state }: BranchView) => state === 'failed' || state === 'cancelled';

/** What can be done with runs. */
export function runCommands({ services, runs, pickers }: RunCommandDeps): RunCommands {
  /** Does something with a run, then shows what became of it. */
  const change = async (run: RunTarget | undefined, act: (forks: ForkService, runId: RunId) => Promise<void>) => {
    requireTrust();
    if (run === undefined) return;
    await act((await services.get()).forks, run.runId);
    await runs.refresh(run.runId);
  };
  return {
    'forkpoint.cancelBranch': (branch) => change(branch, (forks, runId) => forks.cancel(runId, branch?.branchId)),
    'forkpoint.cancelRun': async (given) => {
      const run = await pickers.run(given, 'Cancel Run', ({ state }) => isUnderWay(state), 'No run is under way.');
      await change(run, (forks, runId) => forks.cancel(runId));
    },
    'forkpoint.retryFailed': async (given) => {
      const run = await pickers.run(given, 'Retry Failed', canRetry, 'No run has failed or cancelled branches.');
      await change(run, retry);
    },
    'forkpoint.resumeRun': async (given) => {
      const run = await pickers.run(given, 'Resume', ({ interrupted }) => interrupted, 'No run was interrupted.');
      await change(run, resume);
    },
    'forkpoint.deleteRun': async (given) => {
      const ended = ({ state }: RunView) => !isUnderWay(state);
      await change(await pickers.run(given, 'Delete Run', ended, 'There are no runs to delete.'), deleteAfterQuestion);
    },
    'forkpoint.openRunInTemporal': async (given) => {
      requireTrust();
      if (given !== undefined) await openInTemporal(given, await services.get());
    },
  };
}

async function retry(forks: ForkService, runId: RunId): Promise<void> {
  const view = await forks.run(runId);
  if (await confirmAgain('Retry', view, view.branches.filter(wasLeft))) await forks.retry(runId);
}

async function resume(forks: ForkService, runId: RunId): Promise<void> {
  const view = await forks.run(runId);
  const undone = view.branches.filter(({ state }) => state !== 'completed');
  if (await confirmAgain('Resume', view, undone)) await forks.resume(runId);
}

async function deleteAfterQuestion(forks: ForkService, runId: RunId): Promise<void> {
  const { title } = await forks.run(runId);
  const label = 'Delete';
  const detail = 'What its branches answered is deleted with it. The recorded session stays as it is.';
  const question = `Delete the run “${messageSafe(oneLine(title, 60))}”?`;
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, label);
  if (answer === label) await forks.delete(runId);
}

async function openInTemporal(
  { runId }: RunTarget,
  { temporal }: Awaited<ReturnType<DispatchDeps['services']['get']>>,
): Promise<void> {
  const url = await temporal.runUrl(runId);
  if (url === null) {
    throw new NotFoundError(
      'The Temporal server has no web UI that Forkpoint knows of.',
      'The dev server that Forkpoint starts has one.',
    );
  }
  await vscode.env.openExternal(await vscode.env.asExternalUri(vscode.Uri.parse(url)));
}

/** Running branches again costs money again: says how many requests go where, and that what is complete is kept. */
async function confirmAgain(verb: 'Retry' | 'Resume', run: RunView, branches: readonly BranchView[]): Promise<boolean> {
  if (run.provider === 'demo' || branches.length === 0) return true;
  const label = `${verb} ${plural(branches.length, 'branch', 'branches')}`;
  const models = [...new Set(branches.map(({ model }) => modelName(model)))].join(', ');
  const budget = run.budgetUsd === null ? 'The run has no budget.' : `The run's budget is ${money(run.budgetUsd)}.`;
  const soFar = `Cost so far: ${costOfRun(run)}`;
  const detail = [
    `At least ${plural(branches.length, 'request')} to ${apiHost()} (${models}).`,
    `${soFar}; what the rest will cost is not known before it is sent. ${budget}`,
    'Completed steps are kept and not paid twice.',
  ].join('\n');
  const question = `${verb} “${messageSafe(oneLine(run.title, 60))}”?`;
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, label)) === label;
}

function apiHost(): string {
  const base = settings.apiBaseUrl() ?? process.env['ANTHROPIC_BASE_URL'];
  return base === undefined || !URL.canParse(base) ? 'api.anthropic.com' : new URL(base).host;
}
