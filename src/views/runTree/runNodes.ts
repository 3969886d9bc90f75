import { modelName } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import type { BranchView, RunState, RunView } from '../../core/run/runView.ts';

export interface RunNode {
  kind: 'run';
  id: string;
  runId: RunId;
  run: RunView;
}

/** All repeats of one branch. */
export interface RepeatsNode {
  kind: 'repeats';
  id: string;
  runId: RunId;
  name: string;
  branches: BranchNode[];
}

export interface BranchNode {
  kind: 'branch';
  id: string;
  runId: RunId;
  branchId: BranchId;
  branch: BranchView;
}

export type RunTreeNode = RunNode | RepeatsNode | BranchNode;

export function runNode(run: RunView): RunNode {
  return { kind: 'run', id: `run:${run.runId}`, runId: run.runId, run };
}

/** A row for each branch in the run's order; branches with repeats are one row that unfolds. */
export function branchNodes(run: RunView): (BranchNode | RepeatsNode)[] {
  const rows = new Map<string, BranchNode[]>();
  for (const branch of run.branches) {
    const node = branchNode(run.runId, branch);
    const row = rows.get(branch.name);
    if (row === undefined) rows.set(branch.name, [node]);
    else row.push(node);
  }
  return Array.from(rows, ([name, branches]) => {
    const [first] = branches;
    if (first !== undefined && branches.length === 1) return first;
    return { kind: 'repeats', id: `run:${run.runId}/${name}`, runId: run.runId, name, branches };
  });
}

/** Name of a branch as titles show it: ` #2` tells the repeats apart. */
export function branchName(branch: BranchView): string {
  // A replay's branches are called by the ids of their models.
  const name = branch.name === branch.model ? modelName(branch.model) : branch.name;
  return branch.repeats > 1 ? `${name} #${branch.repeat}` : name;
}

export function isUnderWay(state: RunState): boolean {
  return state === 'pending' || state === 'running';
}

function branchNode(runId: RunId, branch: BranchView): BranchNode {
  return { kind: 'branch', id: `run:${runId}/${branch.branchId}`, runId, branchId: branch.branchId, branch };
}
