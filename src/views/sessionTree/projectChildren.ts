import { groupBy } from '../../core/groupBy.ts';
import type { PeriodNode, ProjectNode, SessionNode } from './sessionNodes.ts';

/** A project with more sessions than this shows the older ones by month: a list of thousands helps nobody. */
const foldedAbove = 250;
const shownDirectly = 200;

/** Rows under a project: its sessions, of very many the newest, and behind them the months of the older ones. */
export function projectChildren(project: ProjectNode): (SessionNode | PeriodNode)[] {
  const { sessions } = project;
  if (sessions.length <= foldedAbove) return [...sessions];
  return [...sessions.slice(0, shownDirectly), ...periods(project, sessions.slice(shownDirectly))];
}

/** The row that a session stands under. */
export function parentOf(session: SessionNode, project: ProjectNode): ProjectNode | PeriodNode {
  const { sessions } = project;
  if (sessions.length <= foldedAbove || sessions.indexOf(session) < shownDirectly) return project;
  const month = monthOf(session);
  return periods(project, sessions.slice(shownDirectly)).find((period) => period.month === month) ?? project;
}

function periods(project: ProjectNode, sessions: readonly SessionNode[]): PeriodNode[] {
  return Array.from(groupBy(sessions, monthOf), ([month, inMonth]) => ({
    kind: 'period' as const,
    id: `${project.id}#${month ?? ''}`,
    month,
    project,
    sessions: inMonth,
  }));
}

function monthOf({ summary }: SessionNode): string | null {
  return /^\d{4}-(0[1-9]|1[0-2])(?=-)/.exec(summary.lastAt ?? '')?.[0] ?? null;
}
