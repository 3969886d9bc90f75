import type { CheckResult } from '../../core/agent/agentFacts.ts';
import { money, oneLine, plural, unknownText } from '../../core/format.ts';
import { describeBranchChanges, describeRunChanges } from '../../core/run/runChanges.ts';
import { checksText } from '../agentProgress.ts';
import { describeCall } from '../sessionTree/describeCalls.ts';
import { facts } from '../sessionTree/sessionRows.ts';
import type { RowColor, TreeRow } from '../treeRow.ts';
import { checkOutcome, questionText } from './agentWords.ts';
import { changedFileUri, decorations } from './changedFileUris.ts';
import type {
  BaselineNode,
  CheckNode,
  CommitNode,
  FileNode,
  NoteNode,
  QuestionNode,
  RunTreeNode,
  SinceBranchNode,
  SinceNode,
  StepNode,
} from './runNodes.ts';

type NodeBelow = Exclude<RunTreeNode, { kind: 'run' | 'repeats' | 'branch' }>;

/**
 * The row of anything below a branch, of a state that branches are compared with, or of what a schedule's run
 * changed.
 */
export function rowBelowBranch(node: NodeBelow): TreeRow {
  switch (node.kind) {
    case 'question':
      return questionRow(node);
    case 'file':
      return fileRow(node);
    case 'commit':
      return commitRow(node);
    case 'check':
      return checkRow(node);
    case 'baseline':
      return baselineRow(node);
    case 'note':
      return noteRow(node);
    case 'step':
      return stepRow(node);
    case 'since':
      return sinceRow(node);
    case 'since-branch':
      return sinceBranchRow(node);
  }
}

function questionRow({ id, question, branch, folder }: QuestionNode): TreeRow {
  const label = `asks: ${questionText(question, branch, folder)}`;
  const description = question.reason === null ? '' : oneLine(question.reason, 100);
  // A choice and a plan can't be said yes to without a look at them.
  const kind =
    question.tool === 'AskUserQuestion' ? 'choice' : question.tool === 'ExitPlanMode' ? 'plan' : 'permission';
  return {
    id,
    label,
    description,
    icon: 'question',
    color: 'charts.yellow',
    context: `question ${kind}`,
    children: 'none',
    accessibilityLabel: `Waits for you, ${label}`,
  };
}

function fileRow({ id, runId, branchId, file }: FileNode): TreeRow {
  const at = file.path.lastIndexOf('/');
  const label = oneLine(file.path.slice(at + 1));
  const folder = oneLine(file.path.slice(0, Math.max(0, at)));
  return {
    id,
    label,
    description: file.from === undefined ? folder : `${oneLine(file.from)} →${folder === '' ? '' : ` ${folder}`}`,
    icon: 'file',
    resource: changedFileUri(file, { run: runId, branch: branchId }),
    context: `file ${file.status}`,
    children: 'none',
    accessibilityLabel: `${decorations[file.status].tooltip} ${oneLine(file.path)}, ${file.binary ? 'binary' : `${plural(file.added, 'line')} added, ${file.removed} removed`}`,
  };
}

function commitRow({ id, commit }: CommitNode): TreeRow {
  const label = oneLine(commit.subject) || 'Commit without a subject';
  const description = commit.sha.slice(0, 8);
  return {
    id,
    label,
    description,
    icon: 'git-commit',
    context: 'commit',
    children: 'none',
    accessibilityLabel: `Commit ${label}, ${description}`,
  };
}

function checkLook(results: readonly CheckResult[]): { icon: string; color: RowColor } {
  return results.every(({ passed }) => passed)
    ? { icon: 'pass', color: 'testing.iconPassed' }
    : { icon: 'error', color: 'testing.iconFailed' };
}

function checkRow({ id, step, result }: CheckNode): TreeRow {
  const label = oneLine(result.name);
  const description = `${checkOutcome(result)}${step === 'setup' ? ' · set-up' : ''}`;
  return {
    id,
    label,
    description,
    ...checkLook([result]),
    context: `check ${step}`,
    children: 'none',
    accessibilityLabel: `${step === 'setup' ? 'Set-up command' : 'Check'} ${label}, ${description.replaceAll(' · ', ', ')}`,
  };
}

function baselineRow({ id, state, checks, problem }: BaselineNode): TreeRow {
  const label = state === 'recorded' ? 'recorded' : 'fork point';
  const description = problem === null ? checksText(checks) : oneLine(`could not be prepared: ${problem.reason}`, 200);
  return {
    id,
    label,
    description,
    icon: state === 'recorded' ? 'history' : 'git-commit',
    context: 'baseline',
    children: checks.length === 0 ? 'none' : 'collapsed',
    accessibilityLabel: `Checks of the ${state === 'recorded' ? 'recorded end' : 'fork point'}, ${description}`,
  };
}

function sinceRow({ id, changes }: SinceNode): TreeRow {
  const description = describeRunChanges(changes);
  return {
    id,
    label: 'since the run before',
    description,
    icon: 'compare-changes',
    context: 'since',
    children: changes.branches.length === 0 ? 'none' : 'collapsed',
    accessibilityLabel: `Since the run before: ${description.replaceAll(' · ', ', ')}`,
  };
}

function sinceBranchRow({ id, changes }: SinceBranchNode): TreeRow {
  const label = oneLine(changes.name);
  const description = describeBranchChanges(changes);
  return {
    id,
    label,
    description,
    icon: 'diff',
    context: 'sinceBranch',
    children: 'none',
    accessibilityLabel: `Branch ${label} since the run before: ${description.replaceAll(' · ', ', ')}`,
  };
}

function noteRow({ id, icon, label, description }: NoteNode): TreeRow {
  return {
    id,
    label,
    description,
    icon,
    ...(icon === 'warning' && { color: 'problemsWarningIcon.foreground' as const }),
    context: 'note',
    children: 'none',
    accessibilityLabel: `Note: ${[label, description].filter(Boolean).join(', ')}`,
  };
}

function stepRow({ id, step, result, calls }: StepNode): TreeRow {
  const did = calls.map((call) => describeCall(call, null)).join(', ');
  const label = oneLine(did === '' ? 'Reply' : did.charAt(0).toUpperCase() + did.slice(1), 120);
  const { usage, costUsd, cached } = result;
  const paid = costUsd === null ? `${unknownText} cost` : costUsd > 0 && money(costUsd);
  const description = facts(
    `step ${step}`,
    usage.outputTokens > 0 && plural(usage.outputTokens, 'token'),
    cached === undefined ? paid : 'answered by an earlier run',
  );
  return {
    id,
    label,
    description,
    icon: calls.length > 0 ? 'tools' : 'sparkle',
    context: 'step',
    children: 'none',
    accessibilityLabel: `Step ${step}, ${label}, ${description.replaceAll(' · ', ', ')}`,
  };
}
