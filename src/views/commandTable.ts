import type { ForkPoint } from '../core/fork/forkRequest.ts';
import type { BranchId, RunId } from '../core/ids.ts';

/** A session, by the path of its transcript: ids may occur in several config folders. */
export interface SessionTarget {
  readonly file: string;
}

/** A turn of a session; `turn` is 1-based in file order. */
export interface TurnTarget extends SessionTarget {
  readonly turn: number;
}

/** A turn, and where in it a fork is cut. */
export interface CutTarget extends TurnTarget {
  readonly at: ForkPoint;
}

/** A 1-based line of a transcript. */
export interface LineTarget extends SessionTarget {
  readonly line: number;
}

export interface RunTarget {
  readonly runId: RunId;
}

export interface BranchTarget extends RunTarget {
  readonly branchId: BranchId;
}

/** A step of a branch, 1-based. */
export interface StepTarget extends BranchTarget {
  readonly step: number;
}

/** A question of an agent that waits for a person. */
export interface QuestionTarget extends BranchTarget {
  readonly callId: string;
}

/**
 * Every command with its title, and whether the Command Palette offers it: those that it doesn't need a row. The
 * `contributes.commands` of package.json say the same, which a test proves.
 */
export const commandTable = {
  'forkpoint.forkFromHere': { title: 'Fork from Here…', palette: true },
  'forkpoint.forkConversation': { title: 'Fork Conversation…', palette: true },
  'forkpoint.forkWithQuickPick': { title: 'Fork with Quick Pick…', palette: true },
  'forkpoint.replaySession': { title: 'Replay Session…', palette: true },
  'forkpoint.findSession': { title: 'Find Session…', palette: true },
  'forkpoint.searchSessions': { title: 'Search Sessions…', palette: true },
  'forkpoint.openTurn': { title: 'Open Turn', palette: true },
  'forkpoint.showFilesAtTurn': { title: 'Show Files at This Turn', palette: true },
  'forkpoint.compareFilesWithWorkingTree': { title: 'Compare Files at This Turn with Working Tree', palette: true },
  'forkpoint.openRawTranscript': { title: 'Open Raw Transcript', palette: true },
  'forkpoint.showProblems': { title: 'Show Problems', palette: true },
  'forkpoint.copySessionId': { title: 'Copy Session ID', palette: true },
  'forkpoint.continueInClaudeCode': { title: 'Continue in Claude Code', palette: true },
  'forkpoint.keepSession': { title: 'Keep This Session', palette: true },
  'forkpoint.keepExpiringSessions': { title: 'Keep Sessions About to Be Deleted', palette: true },
  'forkpoint.forgetKeptSession': { title: 'Remove from Archive…', palette: true },
  'forkpoint.goToForkParent': { title: 'Go to Fork Parent', palette: false },
  'forkpoint.revealSession': { title: 'Show in Sessions', palette: false },
  'forkpoint.cancelBranch': { title: 'Cancel', palette: false },
  'forkpoint.cancelRun': { title: 'Cancel Run', palette: true },
  'forkpoint.retryFailed': { title: 'Retry Failed', palette: true },
  'forkpoint.resumeRun': { title: 'Resume', palette: true },
  'forkpoint.runAgainFromHere': { title: 'Run Again from Here', palette: false },
  'forkpoint.deleteRun': { title: 'Delete Run', palette: true },
  'forkpoint.scheduleFork': { title: 'Schedule This Fork…', palette: true },
  'forkpoint.showSchedules': { title: 'Show Schedules', palette: true },
  'forkpoint.openRunInTemporal': { title: 'Open in Temporal Web UI', palette: false },
  'forkpoint.debugRun': { title: 'Debug This Run', palette: true },
  'forkpoint.compareWithRecorded': { title: 'Compare with Recorded', palette: true },
  'forkpoint.compareBranches': { title: 'Compare Branches', palette: true },
  'forkpoint.selectForCompare': { title: 'Select for Compare', palette: false },
  'forkpoint.compareWithSelected': { title: 'Compare with Selected', palette: false },
  'forkpoint.compareAllBranches': { title: 'Compare All Branches', palette: true },
  'forkpoint.openComparisonTable': { title: 'Open Comparison Table', palette: true },
  'forkpoint.openChanges': { title: 'Open Changes', palette: true },
  'forkpoint.runChecks': { title: 'Run Checks', palette: true },
  'forkpoint.applyBranch': { title: 'Apply…', palette: true },
  'forkpoint.createGitBranch': { title: 'Create Git Branch…', palette: true },
  'forkpoint.continueBranch': { title: 'Continue in Claude Code', palette: false },
  'forkpoint.openTerminalInBranch': { title: 'Open Terminal in Branch', palette: true },
  'forkpoint.openFolderOfBranch': { title: 'Open Folder of Branch', palette: true },
  'forkpoint.answerQuestion': { title: 'Answer…', palette: true },
  'forkpoint.showQuestion': { title: 'Show Question', palette: false },
  'forkpoint.allowCall': { title: 'Allow', palette: false },
  'forkpoint.denyCall': { title: 'Deny…', palette: false },
  'forkpoint.managePlaces': { title: 'Manage Places…', palette: true },
  'forkpoint.setApiKey': { title: 'Set API Key', palette: true },
  'forkpoint.clearApiKey': { title: 'Clear API Key', palette: true },
  'forkpoint.setEncryptionKey': { title: 'Set Encryption Key…', palette: true },
  'forkpoint.startTemporal': { title: 'Start Temporal Dev Server', palette: true },
  'forkpoint.stopTemporal': { title: 'Stop Temporal Dev Server', palette: true },
  'forkpoint.openTemporalUi': { title: 'Open Temporal Web UI', palette: true },
  'forkpoint.temporalStatus': { title: 'Show Temporal Status', palette: true },
  'forkpoint.selectTemporalProfile': { title: 'Select Temporal Profile…', palette: true },
  'forkpoint.checkSetup': { title: 'Check Set-up', palette: true },
  'forkpoint.refresh': { title: 'Refresh', palette: true },
  'forkpoint.showLog': { title: 'Show Log', palette: true },
} as const satisfies Record<string, { title: string; palette: boolean }>;

export type CommandId = keyof typeof commandTable;
