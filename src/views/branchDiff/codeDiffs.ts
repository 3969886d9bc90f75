import * as vscode from 'vscode';
import type { ChangedFile } from '../../core/agent/agentFacts.ts';
import { BadInputError, NotFoundError } from '../../core/errors.ts';
import { messageWithHint, oneLine } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import { forkPointName } from '../../core/useCases/agentRuns.ts';
import { findBranch } from '../runTree/findBranch.ts';
import { isUnderWay } from '../runTree/runNodes.ts';
import type { ServiceProvider } from '../viewServices.ts';
import { type CodeSide, fileSides } from './codeUris.ts';

/** An entry of VS Code's multi-file diff: what names it, and its two sides. */
export type ChangesEntry = [label: vscode.Uri, left: vscode.Uri | undefined, right: vscode.Uri | undefined];

/** The files of branches side by side. Unchanged files are left out. */
export class CodeDiffs {
  constructor(private readonly services: ServiceProvider) {}

  /**
   * A multi-file diff of all that a branch changed, titled `fork point ↔ cheaper · <prompt>`.
   * @throws NotFoundError while what it changed isn't known yet
   */
  async openChanges(runId: RunId, branchId: BranchId): Promise<void> {
    const { run, branch, name } = await findBranch({ runId, branchId }, this.services);
    if (branch.changeSet === null) {
      throw new NotFoundError(
        `What “${name}” changed isn’t known.`,
        isUnderWay(branch.state) ? 'Wait until the branch has ended.' : 'It never began to work: run Retry Failed.',
      );
    }
    if (branch.files.length === 0) {
      await vscode.window.showInformationMessage(messageSafe(`“${name}” changed no file.`));
      return;
    }
    const title = `fork point ↔ ${name} · ${oneLine(run.title, 60)}`;
    const entries = branch.files.map((file) => entryOf(runId, file, forkPointName, branchId));
    await vscode.commands.executeCommand('vscode.changes', title, entries);
  }

  /**
   * Entries for the files that differ between two states of a run.
   * @param under shown before each path
   * @returns a sentence instead where a state's files aren't known
   */
  async entries(runId: RunId, a: CodeSide, b: CodeSide, under?: string): Promise<ChangesEntry[] | string> {
    const { agents } = await this.services.get();
    try {
      const files = await agents.files(runId, a, b);
      return files.map((file) => entryOf(runId, file, a, b, under));
    } catch (error) {
      if (error instanceof NotFoundError || error instanceof BadInputError) return messageWithHint(error);
      throw error;
    }
  }
}

function entryOf(runId: RunId, file: ChangedFile, a: CodeSide, b: CodeSide, under?: string): ChangesEntry {
  const { left, right, hasLeft, hasRight } = fileSides(runId, file, a, b, under);
  const [leftUri, rightUri] = [vscode.Uri.from(left), vscode.Uri.from(right)];
  return [rightUri, hasLeft ? leftUri : undefined, hasRight ? rightUri : undefined];
}
