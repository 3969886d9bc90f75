import type { Compaction, SessionSummary, Step, SubagentSummary, Turn } from '../../core/session/recordedSession.ts';

/** Sessions of one folder. */
export interface ProjectNode {
  kind: 'project';
  id: string;
  /** Null where the recordings name no folder. */
  path: string | null;
  place: 'workspace' | 'inside' | 'elsewhere';
  /** Shown open at first: what lies in the open folders, or else the project worked in last. */
  unfolded: boolean;
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
  file: string;
}

export interface TurnNode extends InsideSession {
  kind: 'turn';
  turn: number;
  line: number;
  data: Turn;
  children: InsideTurnNode[];
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
  /** What it was asked for, as far as the call that started it says so. */
  task: string | null;
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

export type InsideTurnNode = StepNode | SubagentNode | AbandonedNode | CompactionNode;
export type InsideSessionNode = TurnNode | InsideTurnNode;
export type SessionTreeNode = ProjectNode | SessionNode | InsideSessionNode;
