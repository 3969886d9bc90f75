import * as vscode from 'vscode';
import { BadInputError } from '../../core/errors.ts';
import type { BranchView } from '../../core/run/runView.ts';
import type { CommandHandlers } from '../commands.ts';
import { requireTrust } from '../dispatchRun.ts';
import { findBranch } from '../runTree/findBranch.ts';
import type { PickAgentBranch } from '../runTree/pickAgentBranch.ts';
import { isUnderWay } from '../runTree/runNodes.ts';
import { openBranchTerminal } from './branchTerminal.ts';
import { type ManagePlacesDeps, managePlaces } from './managePlaces.ts';

export interface PlaceCommandDeps extends ManagePlacesDeps {
  pickAgentBranch: PickAgentBranch;
}

type PlaceCommands = Pick<
  CommandHandlers,
  | 'forkpoint.runChecks'
  | 'forkpoint.continueBranch'
  | 'forkpoint.openTerminalInBranch'
  | 'forkpoint.openFolderOfBranch'
  | 'forkpoint.managePlaces'
>;

/** What can be done in the places of branches. */
export function placeCommands(deps: PlaceCommandDeps): PlaceCommands {
  const { services, runs, pickAgentBranch } = deps;
  const hasPlace = ({ place }: BranchView) => place !== null;
  const endedInPlace = (branch: BranchView) => hasPlace(branch) && !isUnderWay(branch.state);
  return {
    'forkpoint.runChecks': async (given) => {
      requireTrust();
      const target = await pickAgentBranch(given, 'Run Checks', endedInPlace);
      if (target === undefined) return;
      const { name } = await findBranch(target, services);
      const { agents } = await services.get();
      await withCancel(`Running the checks of “${name}”`, (signal) =>
        agents.check(target.runId, target.branchId, signal),
      );
      await runs.refresh(target.runId);
    },
    'forkpoint.continueBranch': async (given) => {
      requireTrust();
      const target = await pickAgentBranch(given, 'Continue in Claude Code', endedInPlace);
      if (target === undefined) return;
      const { agents } = await services.get();
      const continuation = await agents.continuation(target.runId, target.branchId);
      openBranchTerminal(`Claude Code · ${(await findBranch(target, services)).name}`, continuation);
    },
    'forkpoint.openTerminalInBranch': async (given) => {
      requireTrust();
      const target = await pickAgentBranch(given, 'Open Terminal in Branch', hasPlace);
      if (target === undefined) return;
      const { agents } = await services.get();
      const shell = vscode.env.shell === '' ? '/bin/sh' : vscode.env.shell;
      const opened = await agents.command(target.runId, target.branchId, [shell]);
      openBranchTerminal((await findBranch(target, services)).name, opened);
    },
    'forkpoint.openFolderOfBranch': async (given) => {
      requireTrust();
      const inFolder = ({ place }: BranchView) => place !== null && place.kind !== 'overlay';
      const target = await pickAgentBranch(given, 'Open Folder of Branch', inFolder);
      if (target === undefined) return;
      await openFolder((await findBranch(target, services)).branch);
    },
    'forkpoint.managePlaces': async () => {
      requireTrust();
      await managePlaces(deps);
    },
  };
}

/** Shows a notification with a Cancel button while something is done. */
async function withCancel(title: string, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title };
  await vscode.window.withProgress(options, async (_progress, token) => {
    const stop = new AbortController();
    token.onCancellationRequested(() => stop.abort(new vscode.CancellationError()));
    await work(stop.signal);
  });
}

/** @throws BadInputError for an overlay */
async function openFolder({ place }: BranchView): Promise<void> {
  if (place === null || place.kind === 'overlay') {
    throw new BadInputError(
      'This branch works in an overlay, which only its own processes see.',
      'Open a terminal in the branch, or look at its changes.',
    );
  }
  await vscode.commands.executeCommand('vscode.openFolder', vscode.Uri.file(place.path), { forceNewWindow: true });
}
