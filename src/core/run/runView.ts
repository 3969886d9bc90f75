import type {
  BaselineProblem,
  ChangedFile,
  CheckResult,
  Commit,
  Doubt,
  FailedTeardown,
  MeasuredPrefix,
  PlaceFact,
  Question,
} from '../agent/agentFacts.ts';
import type { Executor } from '../agent/agentSettings.ts';
import type { Usage } from '../api/usage.ts';
import type { Failure } from '../failure.ts';
import type { Provider, ResolvedPoint } from '../fork/forkPlan.ts';
import type { EngineKind } from '../fork/runChoices.ts';
import type { BlobRef, BranchId, RunId, SessionId } from '../ids.ts';
import type { Fidelity } from '../session/fidelity.ts';
import type { Billing, BranchToolCall, StepResult } from './branchOutcome.ts';
import type { RunChanges } from './runChanges.ts';

export type RunState = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';

/** A branch may also wait: for a person's answer, for the account's usage limit, or to be tried again. */
export type BranchState = RunState | 'waiting';

/** A branch as trees, the panel and `forkpoint status` show it. Times are ISO 8601; unknown is null. */
export interface BranchView {
  branchId: BranchId;
  name: string;
  repeat: number;
  repeats: number;
  state: BranchState;
  /** What a waiting branch waits for, and until when (ISO 8601) where that is known. */
  waitingFor: 'answer' | 'limit' | 'retry' | null;
  until: string | null;
  model: string;
  /** Replies received. */
  steps: number;
  usage: Usage;
  /** US dollars, null where a model has no known price. */
  costUsd: number | null;
  /** All of its replies were answers of earlier runs: nothing was sent. */
  cached: boolean;
  /** What such answers saved, null where none was taken. `costUsd` is null where it isn't known. */
  saved: { replies: number; usage: Usage; costUsd: number | null } | null;
  startedAt: string | null;
  endedAt: string | null;
  /** Requests sent, the retried ones included. */
  attempts: number;
  stopReason: string | null;
  error: Failure | null;
  /** Text of all replies so far, steps separated by a blank line; while running, what has streamed in. */
  text: string;
  /** Text of a step that never came to its end: the stream broke, or the branch was cancelled. Part of `text`. */
  unfinishedText: string;
  toolCalls: BranchToolCall[];
  billing: Billing;
  /** A replay's first turn that differed from the recording. */
  divergedAtTurn: number | null;
  changes: string[];
  notes: string[];
  /** Completed steps, in order, with references to their replies. */
  results: StepResult[];
  /** Set while the engine waits before it asks again. */
  retryingInMs: number | null;
  /** Its own session in Claude Code's folder; null where the Messages API answers, and before the place is ready. */
  sessionId: string | null;
  place: PlaceFact | null;
  /** Measured with the first reply. */
  prefix: MeasuredPrefix | null;
  /** Against the fork point; empty until the agent has ended. */
  files: ChangedFile[];
  commits: Commit[];
  checks: CheckResult[];
  setup: CheckResult[];
  /** Not answered yet, oldest first. */
  questions: Question[];
  inDoubt: Doubt[];
  /** Calls that were denied without a person, or by one. */
  denied: { callId: string; tool: string; message: string }[];
  /** Blob of a `ChangeSet`: what differs from the fork point; null until the agent has ended. */
  changeSet: BlobRef | null;
  /** Results of calls by call id: blobs of `{ content }`. */
  toolResults: Record<string, { result: BlobRef; isError: boolean }>;
  /** Replies of subagents. */
  subagentSteps: number;
}

/** The schedule that fired a run, and what differs from the run before it. */
export interface RunSchedule {
  name: string;
  /** Null for the first run. */
  previous: RunId | null;
  /** Null for the first run, and until both were compared. */
  changes: RunChanges | null;
  /** Blob of a `PairedRuns`, null with `changes`. */
  comparison: BlobRef | null;
}

/** A run as trees, the panel and `forkpoint status` show it. */
export interface RunView {
  runId: RunId;
  kind: 'fork' | 'replay';
  engine: EngineKind;
  executor: Executor;
  provider: Provider;
  state: RunState;
  /** Its process went away in mid-run: `resume` runs what is missing. */
  interrupted: boolean;
  createdAt: string;
  /** Null where a person dispatched it. */
  schedule: RunSchedule | null;
  endedAt: string | null;
  title: string;
  session: { sessionId: SessionId; file: string; title: string; projectPath: string | null };
  point: ResolvedPoint;
  fidelity: Fidelity;
  missing: string[];
  budgetUsd: number | null;
  /** Sum over the branches; null where any branch's cost is unknown. */
  costUsd: number | null;
  branches: BranchView[];
  /** The checks on the two states that branches are compared with. */
  checks: { forkPoint: CheckResult[]; recorded: CheckResult[]; problems: BaselineProblem[] };
  /** Of places that were removed while the run was under way. */
  failedTeardowns: FailedTeardown[];
}
