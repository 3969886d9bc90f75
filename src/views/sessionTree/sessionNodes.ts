import type {
  Compaction,
  SessionSummary,
  Step,
  SubagentSummary,
  TurnOutline,
} from '../../core/session/recordedSession.ts';

/** Sessions of one folder, those of its repository's worktrees with them. */
export interface ProjectNode {
  kind: 'project';
  id: string;
  /** Null where the recordings name no folder. */
  path: string | null;
  place: 'workspace' | 'inside' | 'elsewhere';
  /** Shown open at first: what lies in the open folders, or else the project worked in last. */
  unfolded: boolean;
  /** All of them, the newest first. */
  sessions: SessionNode[];
}

/** Older sessions of a project that has very many: one month of them. */
export interface PeriodNode {
  kind: 'period';
  id: string;
  /** `2026-11`; null for sessions whose time is not known. */
  month: string | null;
  project: ProjectNode;
  sessions: SessionNode[];
}

export interface SessionNode {
  kind: 'session';
  id: string;
  file: string;
  summary: SessionSummary;
}

interface InsideSession {
  id: string;
  /** Transcript that the row's contents stand in: the session's, or that of one of its subagents. */
  file: string;
  /** Transcript of the session that the row stands under. */
  session: string;
}

export interface TurnNode extends InsideSession {
  kind: 'turn';
  turn: number;
  line: number;
  data: TurnOutline;
  /** What stands under the turn besides its steps, in file order. The steps are read when the row is opened. */
  beside: readonly PlacedNode[];
}

export interface StepNode extends InsideSession {
  kind: 'step';
  turn: number;
  line: number;
  data: Step;
}

export interface SubagentNode extends InsideSession {
  kind: 'subagent';
  data: SubagentSummary;
  /** Subagents that this one started, or that those started. */
  nested: readonly SubagentSummary[];
}

/** A line of development that resuming the session would not continue. */
export interface AbandonedNode extends InsideSession {
  kind: 'abandoned';
  line: number | null;
  leafUuid: string;
  turns: TurnNode[];
}

export interface CompactionNode extends InsideSession {
  kind: 'compaction';
  line: number;
  data: Compaction;
}

/** A session that was forked from the one it stands under. */
export interface ForkNode extends InsideSession {
  kind: 'fork';
  data: SessionSummary;
}

/** A row and its place among a turn's steps. */
export interface PlacedNode {
  position: number;
  node: InsideTurnNode;
}

export type InsideTurnNode = StepNode | SubagentNode | AbandonedNode | CompactionNode | ForkNode;
export type InsideSessionNode = TurnNode | InsideTurnNode;
export type SessionTreeNode = ProjectNode | PeriodNode | SessionNode | InsideSessionNode;
