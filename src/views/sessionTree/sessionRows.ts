import { modelName, oneLine, plural, relativeTime, tokenCount } from '../../core/format.ts';
import type { TreeRow } from '../treeRow.ts';
import { describeStep, describeTools, errorCount } from './describeCalls.ts';
import type {
  AbandonedNode,
  CompactionNode,
  ProjectNode,
  SessionNode,
  SessionTreeNode,
  StepNode,
  SubagentNode,
  TurnNode,
} from './sessionNodes.ts';

/** What a row needs to know besides itself. */
export interface RowSurroundings {
  /** Milliseconds since the epoch. */
  now: number;
  /** Project of the row's session, so that paths can be shown relative to it. */
  projectPath: string | null;
}

/** The row of any node of the Sessions tree. */
export function sessionRow(node: SessionTreeNode, { now, projectPath }: RowSurroundings): TreeRow {
  switch (node.kind) {
    case 'project':
      return projectRow(node);
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
  if (path === null) return 'Unknown folder';
  return oneLine(
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) || path,
  );
}

function summaryRow(node: SessionNode, now: number): TreeRow {
  const { title, lastAt, turns, problems } = node.summary;
  const label = oneLine(title);
  const description = facts(
    relativeTime(lastAt, now),
    plural(turns, 'turn'),
    problems > 0 && plural(problems, 'problem'),
  );
  return {
    id: node.id,
    label,
    description,
    icon: problems > 0 ? 'warning' : 'comment-discussion',
    ...(problems > 0 && { color: 'problemsWarningIcon.foreground' as const }),
    context: 'session',
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
    children: node.children.length === 0 ? 'none' : 'collapsed',
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
  const { agentType, messages } = node.data;
  const task = node.task === null ? null : `“${oneLine(node.task, 80)}”`;
  const label = [agentType === null ? null : oneLine(agentType, 40), task].filter(Boolean).join(': ') || 'Subagent';
  const description = facts('subagent', plural(messages, 'message'));
  return {
    id: node.id,
    label,
    description,
    icon: 'hubot',
    context: 'subagent',
    children: 'none',
    accessibilityLabel: `Subagent ${label}, ${plural(messages, 'message')}`,
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
