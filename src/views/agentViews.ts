import * as vscode from 'vscode';
import type { RunId } from '../core/ids.ts';
import { applyCommands } from './applyBranch/applyCommands.ts';
import { ApplyPreviews } from './applyBranch/applyPreviews.ts';
import { CodeDocuments } from './branchDiff/codeDocuments.ts';
import { outputDocuments } from './branchDiff/outputDocuments.ts';
import type { Log } from './log.ts';
import type { Pickers } from './pickers.ts';
import { placeCommands } from './places/placeCommands.ts';
import { answerGiver, questionCommands } from './questions/questionCommands.ts';
import { QuestionDocuments } from './questions/questionDocuments.ts';
import { questionNotifications } from './questions/questionNotifications.ts';
import { changedFileDecorations } from './runTree/changedFileDecorations.ts';
import { agentBranchPicker } from './runTree/pickAgentBranch.ts';
import type { RunList } from './runTree/runList.ts';
import { showError } from './showError.ts';
import type { ServiceProvider } from './viewServices.ts';

export interface AgentViewDeps {
  services: ServiceProvider;
  runs: RunList;
  pickers: Pickers;
  log: Log;
  /** Is this run looked at in the fork panel? */
  isShowing: (runId: RunId) => boolean;
}

/** What shows and does something with branches that Claude Code answers. */
export function agentViews({ services, runs, pickers, log, isShowing }: AgentViewDeps) {
  const documents = new QuestionDocuments(services, runs);
  const previews = new ApplyPreviews();
  const pickAgentBranch = agentBranchPicker(pickers, runs);
  const deps = { services, runs, documents, previews, pickAgentBranch };
  const onError = (error: unknown) => showError(error, log);
  return {
    pickAgentBranch,
    commands: { ...questionCommands(deps), ...applyCommands(deps), ...placeCommands(deps) },
    registrations: vscode.Disposable.from(
      documents,
      previews,
      new CodeDocuments(services, runs),
      outputDocuments(services),
      changedFileDecorations(),
      questionNotifications({ runs, give: answerGiver(deps), isShowing, onError }),
    ),
  };
}
