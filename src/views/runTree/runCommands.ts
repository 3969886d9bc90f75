import * as vscode from 'vscode';
import { EngineUnavailableError, NotFoundError } from '../../core/errors.ts';
import { modelName, money, moneyRange, oneLine, plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { ForkService } from '../../core/useCases/forkService.ts';
import type { CommandHandlers } from '../commands.ts';
import type { RunTarget, StepTarget } from '../commandTable.ts';
import { type DispatchDeps, requireTrust } from '../dispatchRun.ts';
import type { Pickers } from '../pickers.ts';
import { tellFailedTeardowns } from '../tellFailedTeardowns.ts';
import { replaySession } from '../temporal/replaySession.ts';
import type { ViewServices } from '../viewServices.ts';
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
  | 'forkpoint.runAgainFromHere'
  | 'forkpoint.deleteRun'
  | 'forkpoint.openRunInTemporal'
  | 'forkpoint.debugRun'
>;

const canRetry = (run: RunView) => !isUnderWay(run.state) && run.branches.some(wasLeft);
const wasLeft = ({ state }: BranchView) => state === 'failed' || state === 'cancelled';

/** What can be done with runs. */
export function runCommands({ services, runs, pickers }: RunCommandDeps): RunCommands {
  /** Does something with a run, then shows what became of it. */
  const change = async (run: RunTarget | undefined, act: (forks: ForkService, runId: RunId) => Promise<unknown>) => {
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
    'forkpoint.runAgainFromHere': async (step) => {
      requireTrust();
      if (step === undefined) return;
      const runId = await runAgainFrom(step, (await services.get()).forks);
      if (runId !== null) await runs.refresh(runId);
    },
    'forkpoint.deleteRun': async (given) => {
      const ended = ({ state }: RunView) => !isUnderWay(state);
      await change(await pickers.run(given, 'Delete Run', ended, 'There are no runs to delete.'), deleteAfterQuestion);
    },
    'forkpoint.openRunInTemporal': async (given) => {
      requireTrust();
      if (given !== undefined) await openInTemporal(given, await services.get());
    },
    'forkpoint.debugRun': async (given) => {
      requireTrust();
      const ofTemporal = ({ engine }: RunView) => engine === 'temporal';
      const run = await pickers.run(given, 'Debug This Run', ofTemporal, 'No run was carried out on Temporal.');
      if (run !== undefined) await debug(run, await services.get());
    },
  };
}

const retry = async (forks: ForkService, runId: RunId): Promise<void> => {
  if (await confirmAgain('retry', forks, runId)) await forks.retry(runId);
};

const resume = async (forks: ForkService, runId: RunId): Promise<void> => {
  if (await confirmAgain('resume', forks, runId)) await forks.resume(runId);
};

/** @returns the new run, null where a person doesn't want it */
async function runAgainFrom({ runId, branchId, step }: StepTarget, forks: ForkService): Promise<RunId | null> {
  const from = { branchId, step };
  const [run, preview] = [await forks.run(runId), await forks.previewFromStep(runId, from)];
  const { models, host, billed, costUsd } = preview;
  if (billed) {
    const label = `Run Again from Step ${step}`;
    const detail = [
      `A new run: at least one request to ${host} (${models.map(modelName).join(', ')}), ${moneyRange(costUsd)}.`,
      ...(step > 1 ? ['The steps before are kept and not paid again.'] : []),
      'This run stays as it is.',
    ].join('\n');
    const question = `Run “${messageSafe(oneLine(run.title, 60))}” again from step ${step}?`;
    if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, label)) !== label) return null;
  }
  return (await forks.runFromStep(runId, from)).runId;
}

async function deleteAfterQuestion(forks: ForkService, runId: RunId): Promise<void> {
  const { title, executor } = await forks.run(runId);
  const label = 'Delete';
  const detail =
    executor === 'claude-code'
      ? 'The places of its branches are deleted with it: what was not applied or committed elsewhere is gone. The recorded session stays as it is.'
      : 'What its branches answered is deleted with it. The recorded session stays as it is.';
  const question = `Delete the run “${messageSafe(oneLine(title, 60))}”?`;
  const answer = await vscode.window.showWarningMessage(question, { modal: true, detail }, label);
  if (answer === label) void tellFailedTeardowns(await forks.delete(runId));
}

async function openInTemporal({ runId }: RunTarget, { temporal }: ViewServices): Promise<void> {
  const url = await temporal.runUrl(runId);
  if (url === null) {
    throw new NotFoundError(
      'The Temporal server has no web UI that Forkpoint knows of.',
      'The dev server that Forkpoint starts has one.',
    );
  }
  await vscode.env.openExternal(await vscode.env.asExternalUri(vscode.Uri.parse(url)));
}

/** Does the run once more in a debugger, as the server recorded it: nothing is asked or sent. */
async function debug({ runId }: RunTarget, { temporal }: ViewServices): Promise<void> {
  const session = replaySession(runId, await temporal.replayProgram(runId));
  if (await vscode.debug.startDebugging(undefined, session)) return;
  throw new EngineUnavailableError(
    'The debugger did not start.',
    'It is VS Code’s own “JavaScript Debugger” extension. Is it switched off?',
  );
}

/** Running branches again costs money again: says how many requests go where and what they may cost. */
async function confirmAgain(reason: 'retry' | 'resume', forks: ForkService, runId: RunId): Promise<boolean> {
  const [run, preview] = [await forks.run(runId), await forks.previewAgain(runId, reason)];
  const { branches, models, host, billed, costUsd } = preview;
  if (!billed || branches.length === 0) return true;
  const verb = reason === 'retry' ? 'Retry' : 'Resume';
  const label = `${verb} ${plural(branches.length, 'branch', 'branches')}`;
  const budget = run.budgetUsd === null ? 'The run has no budget.' : `The run's budget is ${money(run.budgetUsd)}.`;
  const names = models.map(modelName).join(', ');
  const detail = [
    ...(run.executor === 'claude-code'
      ? [
          `Claude Code goes on in ${plural(branches.length, 'branch', 'branches')} (${names}), where it was. It may cost money.`,
        ]
      : [
          `At least ${plural(branches.length, 'request')} to ${host} (${names}), ${moneyRange(costUsd)}.`,
          'Completed steps are kept and not paid twice.',
        ]),
    `Cost so far: ${costOfRun(run)}. ${budget}`,
  ].join('\n');
  const question = `${verb} “${messageSafe(oneLine(run.title, 60))}”?`;
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, label)) === label;
}
