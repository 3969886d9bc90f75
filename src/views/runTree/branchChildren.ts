import { describeQuestion } from '../../core/agent/describeQuestion.ts';
import { oneLine, plural } from '../../core/format.ts';
import { relativeTo } from './relativeTo.ts';
import {
  type BaselineNode,
  type BranchNode,
  branchName,
  type CheckNode,
  type FileNode,
  type NoteNode,
  type RunTreeNode,
  type StepNode,
} from './runNodes.ts';

/** Files that have a row of their own; a tree of thousands is of no use to anybody. */
const maxFiles = 300;

/**
 * What lies below a branch: its steps, or, where Claude Code answers, what it asks first, then what it did, then what to know of it.
 */
export function branchChildren(node: BranchNode): RunTreeNode[] {
  if (node.agent === null) return stepNodes(node);
  const { branch } = node;
  const below = { runId: node.runId, branchId: node.branchId };
  const { folder } = node.agent;
  return [
    ...branch.questions.map((question) => ({
      kind: 'question' as const,
      id: `${node.id}/asks/${question.callId}`,
      ...below,
      callId: question.callId,
      question,
      branch,
      folder,
    })),
    ...fileNodes(node),
    ...branch.commits.map((commit) => ({
      kind: 'commit' as const,
      id: `${node.id}/commit/${commit.sha}`,
      ...below,
      commit,
    })),
    ...branch.checks.map((result, at) => checkNode(node, node.branchId, 'check', result, at)),
    ...branch.setup.map((result, at) => checkNode(node, node.branchId, 'setup', result, at)),
    ...noteNodes(node),
  ];
}

export function hasChildren({ agent, branch }: BranchNode): boolean {
  if (agent === null) return branch.results.length > 0;
  const { questions, files, commits, checks, setup, inDoubt, denied, notes } = branch;
  return [questions, files, commits, checks, setup, inDoubt, denied, notes].some((some) => some.length > 0);
}

function stepNodes({ id, runId, branchId, branch }: BranchNode): StepNode[] {
  let called = 0;
  return branch.results.map((result) => {
    const calls = branch.toolCalls.slice(called, called + result.toolCalls);
    called += result.toolCalls;
    return { kind: 'step', id: `${id}/step/${result.step}`, runId, branchId, step: result.step, result, calls };
  });
}

export function baselineChildren(node: BaselineNode): CheckNode[] {
  return node.checks.map((result, at) => checkNode(node, node.state, 'check', result, at));
}

function checkNode(
  { id, runId }: BranchNode | BaselineNode,
  of: string,
  step: CheckNode['step'],
  result: CheckNode['result'],
  at: number,
): CheckNode {
  return { kind: 'check', id: `${id}/${step}/${at}`, runId, of, step, result };
}

function fileNodes(node: BranchNode): (FileNode | NoteNode)[] {
  const { files } = node.branch;
  const below = { runId: node.runId, branchId: node.branchId };
  const name = branchName(node.branch);
  const shown = files.slice(0, maxFiles).map((file) => ({
    kind: 'file' as const,
    id: `${node.id}/file/${file.path}`,
    ...below,
    file,
    name,
  }));
  if (files.length <= maxFiles) return shown;
  const label = `${plural(files.length - maxFiles, 'more file')}`;
  const tooltip = 'Open Changes shows all of them.';
  return [
    ...shown,
    { kind: 'note', id: `${node.id}/more`, ...below, icon: 'ellipsis', label, description: 'Open Changes', tooltip },
  ];
}

function noteNodes({ id, runId, branchId, branch, agent }: BranchNode): NoteNode[] {
  const prefix = agent?.folder ?? null;
  const notes: Omit<NoteNode, 'kind' | 'id' | 'runId' | 'branchId'>[] = [
    ...branch.inDoubt.map((call) => ({
      icon: 'warning' as const,
      label: `in doubt: ${relativeTo(prefix, describeQuestion(call))}`,
      description: call.tool,
      tooltip: 'This call was under way when Claude Code was lost: it may have been carried out.',
    })),
    ...branch.denied.map(({ tool, message }) => ({
      icon: 'circle-slash' as const,
      label: `denied: ${tool}`,
      description: message,
      tooltip: `The call was not carried out. The agent was told: ${message}`,
    })),
    ...branch.notes.map((note) => ({ icon: 'info' as const, label: note, description: '', tooltip: note })),
  ];
  return notes.map((note, at) => ({
    kind: 'note',
    id: `${id}/note/${at}`,
    runId,
    branchId,
    ...note,
    label: oneLine(note.label, 120),
    description: oneLine(note.description, 120),
  }));
}
