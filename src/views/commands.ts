import * as vscode from 'vscode';
import type {
  BranchTarget,
  CommandId,
  LineTarget,
  QuestionTarget,
  RunTarget,
  SessionTarget,
  StepTarget,
  TurnTarget,
} from './commandTable.ts';

/**
 * Arguments of every command. A tree hands over the clicked row and, where several can be selected, all of them; the
 * Command Palette hands over nothing, and the command asks.
 */
export interface CommandArguments {
  'forkpoint.forkFromHere': [turn?: TurnTarget];
  'forkpoint.forkConversation': [session?: SessionTarget];
  'forkpoint.forkWithQuickPick': [turn?: TurnTarget];
  'forkpoint.replaySession': [session?: SessionTarget];
  'forkpoint.findSession': [];
  'forkpoint.searchSessions': [];
  'forkpoint.openTurn': [turn?: TurnTarget];
  'forkpoint.showFilesAtTurn': [turn?: TurnTarget];
  'forkpoint.compareFilesWithWorkingTree': [turn?: TurnTarget];
  'forkpoint.openRawTranscript': [row?: SessionTarget & Partial<LineTarget>];
  'forkpoint.showProblems': [session?: SessionTarget];
  'forkpoint.copySessionId': [session?: SessionTarget];
  'forkpoint.continueInClaudeCode': [session?: SessionTarget];
  'forkpoint.keepSession': [session?: SessionTarget, selected?: SessionTarget[]];
  'forkpoint.keepExpiringSessions': [];
  'forkpoint.forgetKeptSession': [session?: SessionTarget];
  'forkpoint.goToForkParent': [session?: SessionTarget];
  'forkpoint.revealSession': [session?: SessionTarget];
  'forkpoint.cancelBranch': [branch?: BranchTarget];
  'forkpoint.cancelRun': [run?: RunTarget];
  'forkpoint.retryFailed': [run?: RunTarget];
  'forkpoint.resumeRun': [run?: RunTarget];
  'forkpoint.runAgainFromHere': [step?: StepTarget];
  'forkpoint.deleteRun': [run?: RunTarget];
  'forkpoint.scheduleFork': [run?: RunTarget];
  'forkpoint.showSchedules': [];
  'forkpoint.openRunInTemporal': [run?: RunTarget];
  'forkpoint.debugRun': [run?: RunTarget];
  'forkpoint.compareWithRecorded': [branch?: BranchTarget];
  'forkpoint.compareBranches': [first?: BranchTarget, selected?: BranchTarget[]];
  'forkpoint.selectForCompare': [branch?: BranchTarget];
  'forkpoint.compareWithSelected': [branch?: BranchTarget];
  'forkpoint.compareAllBranches': [run?: RunTarget];
  'forkpoint.openComparisonTable': [run?: RunTarget];
  'forkpoint.openChanges': [branch?: BranchTarget];
  'forkpoint.runChecks': [row?: BranchTarget];
  'forkpoint.applyBranch': [branch?: BranchTarget];
  'forkpoint.createGitBranch': [branch?: BranchTarget];
  'forkpoint.continueBranch': [branch?: BranchTarget];
  'forkpoint.openTerminalInBranch': [branch?: BranchTarget];
  'forkpoint.openFolderOfBranch': [branch?: BranchTarget];
  'forkpoint.answerQuestion': [question?: BranchTarget & Partial<QuestionTarget>];
  'forkpoint.showQuestion': [question?: QuestionTarget];
  'forkpoint.allowCall': [question?: QuestionTarget];
  'forkpoint.denyCall': [question?: QuestionTarget];
  'forkpoint.managePlaces': [];
  'forkpoint.setApiKey': [];
  'forkpoint.clearApiKey': [];
  'forkpoint.setEncryptionKey': [];
  'forkpoint.startTemporal': [];
  'forkpoint.stopTemporal': [];
  'forkpoint.openTemporalUi': [];
  'forkpoint.temporalStatus': [];
  'forkpoint.selectTemporalProfile': [];
  'forkpoint.checkSetup': [];
  'forkpoint.refresh': [];
  'forkpoint.showLog': [];
}

/** What each command does. Every feature contributes a part; the extension's root puts them together. */
export type CommandHandlers = {
  [Id in CommandId]: (...args: CommandArguments[Id]) => Promise<void>;
};

/**
 * Registers the commands. An error of any of them goes to `onError`, which shows it.
 * @param log called with the id of every command that runs
 */
export function registerCommands(
  handlers: CommandHandlers,
  log: (id: string) => void,
  onError: (error: unknown) => Promise<void>,
): vscode.Disposable {
  const registrations = Object.entries(handlers).map(([id, handler]) =>
    vscode.commands.registerCommand(id, async (...args: unknown[]) => {
      log(id);
      try {
        await (handler as (...all: unknown[]) => Promise<void>)(...args);
      } catch (error) {
        await onError(error);
      }
    }),
  );
  return vscode.Disposable.from(...registrations);
}

/** Runs one of our commands with arguments that the compiler checks. */
export async function runCommand<Id extends CommandId>(id: Id, ...args: CommandArguments[Id]): Promise<void> {
  await vscode.commands.executeCommand(id, ...args);
}

/** A command for a tree row's click. */
export function commandLink<Id extends CommandId>(
  id: Id,
  title: string,
  ...args: CommandArguments[Id]
): vscode.Command {
  return { command: id, title, arguments: args };
}
