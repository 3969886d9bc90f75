import type { BaselineProblem, ChangedFile, CheckResult, Commit, Question } from '../../core/agent/agentFacts.ts';
import { modelName } from '../../core/format.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import type { BranchToolCall, StepResult } from '../../core/run/branchOutcome.ts';
import type { BranchChanges, RunChanges } from '../../core/run/runChanges.ts';
import type { BranchState, BranchView, RunView } from '../../core/run/runView.ts';

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
  /** Folder of the recorded session, null where the Messages API answers: below such a branch lie its steps. */
  agent: { folder: string | null } | null;
}

/** The checks of a state that branches are compared with. */
export interface BaselineNode {
  kind: 'baseline';
  id: string;
  runId: RunId;
  state: 'fork-point' | 'recorded';
  checks: CheckResult[];
  /** Why it could not be checked, or not to the end; null where it was. */
  problem: BaselineProblem | null;
}

interface BelowBranch {
  id: string;
  runId: RunId;
  branchId: BranchId;
}

export interface QuestionNode extends BelowBranch {
  kind: 'question';
  callId: string;
  question: Question;
  branch: BranchView;
  folder: string | null;
}

export interface FileNode extends BelowBranch {
  kind: 'file';
  file: ChangedFile;
  /** Name of the branch, for the diff's title. */
  name: string;
}

export interface CommitNode extends BelowBranch {
  kind: 'commit';
  commit: Commit;
}

/** A check, or a command of the set-up. */
export interface CheckNode {
  kind: 'check';
  id: string;
  runId: RunId;
  /** Whose: a branch's id, `fork-point` or `recorded`. */
  of: string;
  step: 'check' | 'setup';
  result: CheckResult;
}

/** A reply of a branch that the Messages API answered. */
export interface StepNode extends BelowBranch {
  kind: 'step';
  /** 1-based. */
  step: number;
  result: StepResult;
  /** What it called. */
  calls: BranchToolCall[];
}

/** Something to know of a branch. */
export interface NoteNode extends BelowBranch {
  kind: 'note';
  icon: 'info' | 'warning' | 'circle-slash' | 'ellipsis';
  label: string;
  description: string;
  tooltip: string;
}

/** What changed from the run before of the same schedule. */
export interface SinceNode {
  kind: 'since';
  id: string;
  runId: RunId;
  changes: RunChanges;
}

/** A branch beside itself in the run before. */
export interface SinceBranchNode {
  kind: 'since-branch';
  id: string;
  runId: RunId;
  previous: RunId;
  changes: BranchChanges;
}

export type RunTreeNode =
  | RunNode
  | RepeatsNode
  | BranchNode
  | BaselineNode
  | QuestionNode
  | FileNode
  | CommitNode
  | CheckNode
  | NoteNode
  | StepNode
  | SinceNode
  | SinceBranchNode;

export function runNode(run: RunView): RunNode {
  return { kind: 'run', id: `run:${run.runId}`, runId: run.runId, run };
}

/** A row for each branch in the run's order; branches with repeats are one row that unfolds. */
export function branchNodes(run: RunView): (BranchNode | RepeatsNode)[] {
  const rows = new Map<string, BranchNode[]>();
  for (const branch of run.branches) {
    const node = branchNode(run, branch);
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

/** Rows for the states that branches are compared with, where they were checked, or should have been. */
export function baselineNodes({ runId, checks }: RunView): BaselineNode[] {
  const states = [
    ['fork-point', checks.forkPoint],
    ['recorded', checks.recorded],
  ] as const;
  return states.flatMap(([state, results]) => {
    const problem = checks.problems.find((candidate) => candidate.state === state) ?? null;
    if (results.length === 0 && problem === null) return [];
    return [{ kind: 'baseline' as const, id: `run:${runId}//${state}`, runId, state, checks: results, problem }];
  });
}

/** A row for what a schedule's run changed, where that is known. */
export function sinceNodes({ runId, schedule }: RunView): SinceNode[] {
  const changes = schedule?.changes ?? null;
  return changes === null ? [] : [{ kind: 'since', id: `run:${runId}//since`, runId, changes }];
}

export function sinceChildren({ id, runId, changes }: SinceNode): SinceBranchNode[] {
  return changes.branches.map((branch) => ({
    kind: 'since-branch',
    id: `${id}/${branch.branchId}`,
    runId,
    previous: changes.previous,
    changes: branch,
  }));
}

/** Name of a branch as titles show it: ` #2` tells the repeats apart. */
export function branchName(branch: BranchView): string {
  // A replay's branches are called by the ids of their models.
  const name = branch.name === branch.model ? modelName(branch.model) : branch.name;
  return branch.repeats > 1 ? `${name} #${branch.repeat}` : name;
}

export function isUnderWay(state: BranchState): boolean {
  return state === 'pending' || state === 'running' || state === 'waiting';
}

/** Is it an agent that waits for a person? */
export function asksAPerson({ state, waitingFor }: BranchView): boolean {
  return state === 'waiting' && waitingFor === 'answer';
}

function branchNode(run: RunView, branch: BranchView): BranchNode {
  const { runId } = run;
  const agent = run.executor === 'claude-code' ? { folder: run.session.projectPath } : null;
  return { kind: 'branch', id: `run:${runId}/${branch.branchId}`, runId, branchId: branch.branchId, branch, agent };
}
