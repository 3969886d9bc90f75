import { daysUntilLost, goesText } from '../../core/archive/retention.ts';
import { modelName, oneLine, plural, relativeTime, tokenCount } from '../../core/format.ts';
import type { TreeRow } from '../treeRow.ts';
import { describeStep, describeTools, errorCount } from './describeCalls.ts';
import type {
  AbandonedNode,
  CompactionNode,
  ForkNode,
  PeriodNode,
  ProjectNode,
  SessionNode,
  SessionTreeNode,
  StepNode,
  SubagentNode,
  TurnNode,
} from './sessionNodes.ts';

/** What a row needs to know besides itself. */
export interface RowContext {
  /** Milliseconds since the epoch. */
  now: number;
  /** Project of the row's session, so that paths can be shown relative to it. */
  projectPath: string | null;
}

/** The row of any node of the Sessions tree. */
export function sessionRow(node: SessionTreeNode, { now, projectPath }: RowContext): TreeRow {
  switch (node.kind) {
    case 'project':
      return projectRow(node);
    case 'period':
      return periodRow(node);
    case 'session':
      return summaryRow(node, now);
    case 'turn':
      return turnRow(node);
    case 'step':
      return stepRow(node, projectPath);
    case 'subagent':
      return subagentRow(node);
    case 'abandoned':
      return abandonedRow(node);
    case 'compaction':
      return compactionRow(node);
    case 'fork':
      return forkRow(node, now);
  }
}

/** Facts in one line. */
export function facts(...parts: (string | null | false)[]): string {
  return parts.filter(Boolean).join(' · ');
}

function projectRow(node: ProjectNode): TreeRow {
  const label = projectName(node.path);
  const place = { workspace: 'this folder', inside: 'in this folder', elsewhere: null }[node.place];
  return {
    id: node.id,
    label,
    description: facts(place, String(node.sessions.length)),
    icon: node.place === 'workspace' ? 'root-folder' : 'folder',
    context: 'project',
    children: node.unfolded ? 'expanded' : 'collapsed',
    accessibilityLabel: `Project ${label}, ${place === null ? '' : `${place}, `}${plural(node.sessions.length, 'session')}`,
  };
}

function projectName(path: string | null): string {
  return path === null ? 'Unknown folder' : folderName(path);
}

function folderName(path: string): string {
  return oneLine(
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) || path,
  );
}

const monthName = new Intl.DateTimeFormat('en-US', { month: 'long', year: 'numeric', timeZone: 'UTC' });

function periodRow(node: PeriodNode): TreeRow {
  const label = node.month === null ? 'Unknown time' : monthName.format(new Date(`${node.month}-01T00:00:00Z`));
  return {
    id: node.id,
    label,
    description: String(node.sessions.length),
    icon: 'calendar',
    context: 'period',
    children: 'collapsed',
    accessibilityLabel: `${label}, ${plural(node.sessions.length, 'session')}`,
  };
}

function summaryRow(node: SessionNode, now: number): TreeRow {
  const { title, lastAt, turns, problems, worktree, forkedFrom, kept, archived } = node.summary;
  const label = oneLine(title);
  const lost = daysUntilLost(node.summary, now);
  const description = facts(
    // First, as narrow side bars cut off the rest.
    lost !== null && goesText(lost),
    relativeTime(lastAt, now),
    plural(turns, 'turn'),
    problems > 0 && plural(problems, 'problem'),
    worktree !== null && folderName(worktree),
    forkedFrom !== null && 'fork',
    archived ? 'archived' : kept && 'kept',
  );
  return {
    id: node.id,
    label,
    description,
    icon: problems > 0 ? 'warning' : lost !== null ? 'history' : archived ? 'archive' : 'comment-discussion',
    ...((problems > 0 || lost !== null) && { color: 'problemsWarningIcon.foreground' as const }),
    // The words of `when` clauses: what the session is, then what can be done with it.
    context: [
      'session',
      lost !== null && 'expiring',
      kept && 'kept',
      archived && 'archived',
      forkedFrom && 'fork',
      problems > 0 && 'problems',
    ]
      .filter(Boolean)
      .join(' '),
    children: 'collapsed',
    accessibilityLabel: `Session ${label}, ${description.replaceAll(' · ', ', ')}`,
  };
}

function turnRow(node: TurnNode): TreeRow {
  const turn = node.data;
  const label = oneLine(turn.prompt) || 'Prompt without text';
  const errors = errorCount(turn.steps);
  const failed = turn.error !== null;
  const description = facts(
    turn.models.map(modelName).join(', '),
    describeTools(turn),
    errors > 0 && plural(errors, 'error'),
    turn.interrupted && 'interrupted',
  );
  return {
    id: node.id,
    label,
    description,
    icon: failed ? 'error' : turn.interrupted ? 'debug-pause' : 'comment',
    ...(failed
      ? { color: 'testing.iconFailed' as const }
      : turn.compactedAway && { color: 'disabledForeground' as const }),
    context: turn.active ? 'turn active' : 'turn',
    children: turn.steps.length + node.beside.length === 0 ? 'none' : 'collapsed',
    accessibilityLabel: `Turn ${turn.index}, ${label}, ${description.replaceAll(' · ', ', ')}`,
  };
}

function stepRow(node: StepNode, projectPath: string | null): TreeRow {
  const step = node.data;
  const label = describeStep(step, projectPath);
  const errors = errorCount([step]);
  const description = facts(`step ${step.index}`, errors > 0 && plural(errors, 'error'));
  return {
    id: node.id,
    label,
    description,
    icon: errors > 0 ? 'error' : step.toolCalls.length > 0 ? 'tools' : 'sparkle',
    ...(errors > 0 && { color: 'testing.iconFailed' as const }),
    context: 'step',
    children: 'none',
    accessibilityLabel: `Step ${step.index}, ${label}${errors > 0 ? `, ${plural(errors, 'error')}` : ''}`,
  };
}

function subagentRow(node: SubagentNode): TreeRow {
  const { agentType, messages, steps, task: asked } = node.data;
  const task = asked === null ? null : `“${oneLine(asked, 80)}”`;
  const label = [agentType === null ? null : oneLine(agentType, 40), task].filter(Boolean).join(': ') || 'Subagent';
  const length = steps === 0 ? plural(messages, 'message') : plural(steps, 'step');
  return {
    id: node.id,
    label,
    description: facts('subagent', length),
    icon: 'hubot',
    context: 'subagent',
    children: messages === 0 ? 'none' : 'collapsed',
    accessibilityLabel: `Subagent ${label}, ${length}`,
  };
}

function abandonedRow(node: AbandonedNode): TreeRow {
  const first = node.turns[0];
  const label = first === undefined ? 'Other reply' : oneLine(first.data.prompt) || 'Prompt without text';
  const description = facts('abandoned', node.turns.length > 0 && plural(node.turns.length, 'turn'));
  return {
    id: node.id,
    label,
    description,
    icon: 'git-branch',
    color: 'disabledForeground',
    context: 'abandoned',
    children: node.turns.length === 0 ? 'none' : 'collapsed',
    accessibilityLabel: `Abandoned branch, ${label}, ${plural(node.turns.length, 'turn')}`,
  };
}

function compactionRow(node: CompactionNode): TreeRow {
  const { preTokens, postTokens } = node.data;
  const size =
    preTokens !== null && postTokens !== null ? `${tokenCount(preTokens)} → ${tokenCount(postTokens)} tokens` : '';
  return {
    id: node.id,
    label: 'Compacted here',
    description: size,
    icon: 'fold',
    context: 'compaction',
    children: 'none',
    accessibilityLabel: `Compacted here${size === '' ? '' : `, ${size.replace('→', 'to')}`}`,
  };
}

function forkRow(node: ForkNode, now: number): TreeRow {
  const { title, lastAt, turns } = node.data;
  const label = `Forked: ${oneLine(title, 100)}`;
  const description = facts(relativeTime(lastAt, now), plural(turns, 'turn'));
  return {
    id: node.id,
    label,
    description,
    icon: 'repo-forked',
    context: 'forkRow',
    children: 'none',
    accessibilityLabel: `${label}, ${description.replaceAll(' · ', ', ')}`,
  };
}
