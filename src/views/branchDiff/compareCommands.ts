import * as vscode from 'vscode';
import { recordedName } from '../../core/compare/comparison.ts';
import type { CommandHandlers } from '../commands.ts';
import type { BranchTarget } from '../commandTable.ts';
import type { Pickers } from '../pickers.ts';
import type { PickAgentBranch } from '../runTree/pickAgentBranch.ts';
import type { BranchDiffs } from './branchDiffs.ts';

type CompareCommands = Pick<
  CommandHandlers,
  | 'forkpoint.compareWithRecorded'
  | 'forkpoint.compareBranches'
  | 'forkpoint.selectForCompare'
  | 'forkpoint.compareWithSelected'
  | 'forkpoint.compareAllBranches'
  | 'forkpoint.openComparisonTable'
  | 'forkpoint.openChanges'
>;

/** Ways to see what differs. */
export function compareCommands(
  diffs: BranchDiffs,
  pickers: Pickers,
  pickAgentBranch: PickAgentBranch,
): CompareCommands {
  let selected: BranchTarget | null = null;
  const open = (a: BranchTarget, b: BranchTarget) =>
    diffs.open({ runId: a.runId, branch: a.branchId }, { runId: b.runId, branch: b.branchId });
  return {
    'forkpoint.compareWithRecorded': async (given) => {
      const branch = await pickers.branch(given, 'Compare with Recorded');
      if (branch === undefined) return;
      await diffs.open({ runId: branch.runId, branch: branch.branchId }, { runId: branch.runId, branch: recordedName });
    },
    'forkpoint.compareBranches': async (given, rows) => {
      const [a, b] = (rows ?? []).filter((row) => row.branchId !== undefined);
      if (a !== undefined && b !== undefined) {
        await open(a, b);
        return;
      }
      const first = await pickers.branch(given, 'Compare Branches');
      const second = first && (await pickers.branch(undefined, 'Compare Branches', first));
      if (first !== undefined && second !== undefined) await open(first, second);
    },
    'forkpoint.selectForCompare': async (branch) => {
      if (branch === undefined) return;
      selected = { runId: branch.runId, branchId: branch.branchId };
      await vscode.commands.executeCommand('setContext', 'forkpoint.branchSelected', true);
    },
    'forkpoint.compareWithSelected': async (branch) => {
      if (branch !== undefined && selected !== null) await open(selected, branch);
    },
    'forkpoint.compareAllBranches': async (given) => {
      const run = await pickers.run(given, 'Compare All Branches', () => true, 'There are no runs yet.');
      if (run !== undefined) await diffs.openAll(run.runId);
    },
    'forkpoint.openComparisonTable': async (given) => {
      const run = await pickers.run(given, 'Open Comparison Table', () => true, 'There are no runs yet.');
      if (run !== undefined) await diffs.openTable(run.runId);
    },
    'forkpoint.openChanges': async (given) => {
      const branch = await pickAgentBranch(given, 'Open Changes', ({ changeSet }) => changeSet !== null);
      if (branch !== undefined) await diffs.code.openChanges(branch.runId, branch.branchId);
    },
  };
}
