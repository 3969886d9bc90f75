import * as vscode from 'vscode';
import type { ForkPoint } from '../../core/fork/forkRequest.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { CommandHandlers } from '../commands.ts';
import type { SessionTarget } from '../commandTable.ts';
import { type DispatchDeps, requireTrust } from '../dispatchRun.ts';
import type { Pickers } from '../pickers.ts';
import type { ProblemDocuments } from '../problems/problemDocuments.ts';
import { forkWithQuickPick } from '../quickFork.ts';
import { replaySession } from '../quickReplay.ts';
import { continueInClaudeCode } from './continueInClaudeCode.ts';
import { endOfConversation } from './endOfConversation.ts';
import { findSessionPick } from './findSessionPick.ts';
import type { SessionTreeView } from './sessionTreeView.ts';
import type { TurnDocuments } from './turnDocuments.ts';

export interface SessionCommandDeps extends DispatchDeps {
  tree: SessionTreeView;
  documents: TurnDocuments;
  problems: ProblemDocuments;
  pickers: Pickers;
  openForkPanel(target: { session: string; at: ForkPoint }): Promise<void>;
}

type SessionCommands = Pick<
  CommandHandlers,
  | 'forkpoint.forkFromHere'
  | 'forkpoint.forkConversation'
  | 'forkpoint.forkWithQuickPick'
  | 'forkpoint.replaySession'
  | 'forkpoint.findSession'
  | 'forkpoint.openTurn'
  | 'forkpoint.openRawTranscript'
  | 'forkpoint.showProblems'
  | 'forkpoint.copySessionId'
  | 'forkpoint.continueInClaudeCode'
>;

/** What can be done with sessions and turns. */
export function sessionCommands(deps: SessionCommandDeps): SessionCommands {
  const { tree, documents, pickers } = deps;
  return {
    'forkpoint.forkFromHere': async (given) => {
      requireTrust();
      const turn = await pickers.turn(given, 'Fork from Here');
      if (turn !== undefined) await deps.openForkPanel({ session: turn.file, at: { turn: turn.turn } });
    },
    'forkpoint.forkConversation': async (given) => {
      requireTrust();
      const session = await pickers.session(given, 'Fork Conversation');
      if (session === undefined) return;
      const { session: recorded } = await openSession(deps, session);
      await deps.openForkPanel({ session: session.file, at: endOfConversation(recorded) });
    },
    'forkpoint.forkWithQuickPick': (given) => forkWithQuickPick(given, pickers, deps),
    'forkpoint.replaySession': (given) => replaySession(given, pickers, deps),
    'forkpoint.findSession': async () => {
      const session = await findSessionPick(await tree.sessions(), deps.services);
      if (session !== undefined) await tree.reveal(session);
    },
    'forkpoint.openTurn': async (given) => {
      const turn = await pickers.turn(given, 'Open Turn');
      if (turn !== undefined) await documents.open(turn);
    },
    'forkpoint.openRawTranscript': async (given) => {
      const session = await pickers.session(given, 'Open Raw Transcript');
      if (session !== undefined) await openRaw(session.file, given?.line ?? 1);
    },
    'forkpoint.showProblems': async (given) => {
      const session = await pickers.session(given, 'Show Problems');
      if (session !== undefined) await deps.problems.open(session);
    },
    'forkpoint.copySessionId': async (given) => {
      const session = await pickers.session(given, 'Copy Session ID');
      if (session !== undefined) await vscode.env.clipboard.writeText((await summaryOf(deps, session)).sessionId);
    },
    'forkpoint.continueInClaudeCode': async (given) => {
      requireTrust();
      const session = await pickers.session(given, 'Continue in Claude Code');
      if (session !== undefined) await continueInClaudeCode(await summaryOf(deps, session));
    },
  };
}

async function openSession({ services }: SessionCommandDeps, { file }: SessionTarget) {
  return (await services.get()).sessions.open(file);
}

async function summaryOf(deps: SessionCommandDeps, target: SessionTarget): Promise<SessionSummary> {
  const listed = (await deps.tree.sessions()).find(({ file }) => file === target.file);
  return listed?.summary ?? (await openSession(deps, target)).session.summary;
}

async function openRaw(file: string, line: number): Promise<void> {
  const at = new vscode.Range(line - 1, 0, line - 1, 0);
  await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file), { preview: true, selection: at });
  // A recording is never written to, also not by a slip of the keyboard.
  await vscode.commands.executeCommand('workbench.action.files.setActiveEditorReadonlyInSession');
}
