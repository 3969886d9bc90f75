// src/core/useCases: what views and command line call. Nothing is above it within core; a rule belongs into the
// folder below that it is about.

import type { Answer, FailedTeardown } from '../agent/agentFacts.ts';
import type { Executor } from '../agent/agentSettings.ts';
import type { PairedRuns } from '../compare/compareRuns.ts';
import type { Comparison } from '../compare/comparison.ts';
import type { Disposable } from '../disposable.ts';
import type { AgentPreview } from '../fork/agent/agentPreview.ts';
import type { ForkPlan, ResolvedPoint } from '../fork/forkPlan.ts';
import type { Asked, BranchSpec, ForkRequest, ReplayRequest } from '../fork/forkRequest.ts';
import type { CompletedCall } from '../fork/pairCalls.ts';
import type { PrefixMatch } from '../fork/prefixMatch.ts';
import type { BranchId, RunId } from '../ids.ts';
import type { LimitChange } from '../run/runLimits.ts';
import type { RunView } from '../run/runView.ts';
import type { Fidelity } from '../session/fidelity.ts';
import type { FromStep } from './runFromStep.ts';

/** What will be sent where and what it may cost, told before anything is sent. */
export interface ForkPreview {
  point: ResolvedPoint;
  fidelity: Fidelity;
  digestVerified: boolean;
  missing: string[];
  /** Results that were made up, because the API wants one for every tool call. */
  completed: CompletedCall[];
  /** How much of the unchanged fork equals a recorded request; for each branch see there. */
  prefix: PrefixMatch;
  recordedPrompt: string | null;
  recordedModel: string;
  /** Host that the requests go to, for example `api.anthropic.com`; null where nothing leaves the machine (demo). */
  host: string | null;
  /** Branches in all, repeats included: each begins with one request and may send up to `maxRequests` in sum. */
  requests: number;
  maxRequests: number;
  /** US dollars for the first request of every branch (low) and with full-length replies (high); null where a price is unknown. */
  costUsd: { low: number; high: number } | null;
  /** Models without a known price. */
  unpriced: string[];
  /** Does some of it cost money? False for the demo model. */
  billed: boolean;
  branches: {
    name: string;
    model: string;
    repeats: number;
    changes: string[];
    notes: string[];
    prefix: PrefixMatch;
    estimatedInputTokens: number | null;
  }[];
  executor: Executor;
  /** Set where Claude Code answers. */
  agent: AgentPreview | null;
  /** What holds for the whole run, for example that a budget can't be kept where prices are unknown. */
  notes: string[];
}

/** What `retry`, `resume` or `runFromStep` would send, told before it is sent. Completed steps are not paid again, so it may be nearly nothing. */
export interface AgainPreview {
  /** Branches that would run again: each sends at least one request. */
  branches: BranchId[];
  models: string[];
  /** Null where nothing leaves the machine (demo). */
  host: string | null;
  billed: boolean;
  /** US dollars; null where a price is unknown. */
  costUsd: { low: number; high: number } | null;
}

/** The use cases, the same for the extension and the command line. */
export interface ForkService {
  newRunId(): RunId;
  /** Plans without storing or sending anything. @throws ForkpointError */
  preview(request: ForkRequest): Promise<ForkPreview>;
  previewReplay(request: ReplayRequest): Promise<ForkPreview>;
  /**
   * Plans, stores and starts. With a `runId` that exists already, nothing is started again and the stored plan is returned.
   * @throws ForkpointError
   */
  dispatch(request: ForkRequest, runId?: RunId): Promise<ForkPlan>;
  dispatchReplay(request: ReplayRequest, runId?: RunId): Promise<ForkPlan>;
  /** Plans, and stores bodies. Makes no run, starts and sends nothing. @throws ForkpointError */
  plan(asked: Asked, runId: RunId): Promise<ForkPlan>;
  /** Newest first, reconciled with their engines. A run that can't be read is left out. */
  runs(limit?: number): Promise<RunView[]>;
  /** @throws NotFoundError */
  run(runId: RunId): Promise<RunView>;
  /** Resolves with the run's state once it has ended. */
  whenEnded(runId: RunId, signal?: AbortSignal): Promise<RunView>;
  /** @returns whether it had not ended before */
  cancel(runId: RunId, branchId?: BranchId): Promise<boolean>;
  /** What `addBranches` would send. @throws BadInputError where they can't be added to this run, as one that has ended */
  previewAdded(runId: RunId, branches: readonly BranchSpec[]): Promise<ForkPreview>;
  /** Adds branches to a fork under way. @returns their ids @throws BadInputError, also where the run has ended */
  addBranches(runId: RunId, branches: readonly BranchSpec[]): Promise<BranchId[]>;
  /** Changes limits of a run under way. @throws BadInputError where it has ended or has no such limit */
  changeLimits(runId: RunId, change: LimitChange): Promise<void>;
  /** What a plan would send if all of it ran anew. */
  previewStored(plan: ForkPlan): Promise<AgainPreview>;
  previewAgain(runId: RunId, reason: 'retry' | 'resume'): Promise<AgainPreview>;
  /** @throws as `runFromStep` does */
  previewFromStep(runId: RunId, from: FromStep): Promise<AgainPreview>;
  /**
   * Runs a branch again from a step, as a new run that keeps the steps before it. The run that it comes from stays as it is.
   * @returns the new run's plan; with a `newId` that exists already, nothing is started again
   * @throws NotFoundError where the branch has no such step; BadInputError where Claude Code answered
   */
  runFromStep(runId: RunId, from: FromStep, newId?: RunId): Promise<ForkPlan>;
  /** Runs the failed and cancelled branches again; completed steps are kept and not paid twice. */
  retry(runId: RunId): Promise<void>;
  /** Runs what an interruption left undone. */
  resume(runId: RunId): Promise<void>;
  /** @returns the teardown commands that failed: its places are gone all the same */
  delete(runId: RunId): Promise<FailedTeardown[]>;
  /** Every branch against the recording; with `a` and `b` (branch ids, names or `recorded`) that pair. @throws NotFoundError */
  compare(runId: RunId, a?: string, b?: string): Promise<Comparison>;
  /**
   * A run of a schedule against the run before it. Null where there is none, where that was deleted before both were compared,
   * and while the run is under way.
   */
  comparePrevious(runId: RunId): Promise<PairedRuns | null>;
  /** Calls back when a run was added, grew or was deleted. */
  watch(listener: (runId: RunId) => void): Disposable;
  /**
   * A person's answer to an agent's question.
   * @param branch id or name
   * @throws BadInputError where no such question is open
   */
  answer(runId: RunId, branch: string, callId: string, answer: Answer): Promise<void>;
}
