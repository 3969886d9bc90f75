import type { Answer } from '../agent/agentFacts.ts';
import type { MessagesRequest } from '../api/messagesRequest.ts';
import type { StoredReply } from '../api/storedReply.ts';
import type { Disposable } from '../disposable.ts';
import type { BranchPlan, ForkPlan, Provider } from '../fork/forkPlan.ts';
import type { EngineKind } from '../fork/runChoices.ts';
import type { BranchId, RunId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { LimitChange } from './runLimits.ts';
import type { RunUpdate } from './runUpdate.ts';

/** A person's answer to a question of an agent. */
export interface GivenAnswer {
  branchId: BranchId;
  callId: string;
  answer: Answer;
}

/** Runs on disk: a plan and an append-only log of events each. Several processes may read and append. */
export interface RunStore {
  /**
   * Stores a new run. False (and nothing changed) where that run id exists: a second click on Run is not a second run.
   * @param events its log begins with. Default: none
   */
  create(plan: ForkPlan, events?: readonly BranchEvent[]): Promise<boolean>;
  /** @throws NotFoundError */
  plan(runId: RunId): Promise<ForkPlan>;
  /** Appends durably; resolves when the event can be read by others. */
  append(event: BranchEvent): Promise<void>;
  /** @throws NotFoundError */
  events(runId: RunId): Promise<BranchEvent[]>;
  /** All events so far, then those to come; ends when `signal` aborts. */
  follow(runId: RunId, signal: AbortSignal): AsyncIterable<BranchEvent>;
  /** Newest first. */
  list(limit?: number): Promise<RunId[]>;
  delete(runId: RunId): Promise<void>;
  /** Calls back when a run was added, grew or was deleted. */
  watch(listener: (runId: RunId) => void): Disposable;
  /**
   * Marks this process as the one that drives the run, until disposed. A crash leaves a mark that `isOwned` sees through.
   * @throws RunOwnedError where another live process drives it
   */
  own(runId: RunId): Promise<Disposable>;
  /** Whether a live process drives the run. */
  isOwned(runId: RunId): Promise<boolean>;
  /** Replaces the plan of a run that grew or got other limits. For the run’s driver only. @throws NotFoundError */
  amend(plan: ForkPlan): Promise<void>;
  /**
   * Asks the process that drives the run, whichever it is, for a change, and waits for its word.
   * @returns whether something changed, null where nobody drives it any more
   * @throws NotFoundError; the error that it answers with
   */
  requestUpdate(runId: RunId, update: RunUpdate): Promise<boolean | null>;
  /**
   * Leaves a person's answer to a question for the process that runs the agent, whichever it is.
   * @throws BadInputError where the question was answered already
   */
  answer(runId: RunId, branchId: BranchId, callId: string, answer: Answer): Promise<void>;
  /** Calls back for every answer, those given before the call included, until disposed. */
  onAnswered(runId: RunId, listener: (given: GivenAnswer) => void): Disposable;
  /**
   * Calls back for every such request, those made before the call included, until disposed, which resolves once all
   * who were heard have got their word. For the owner of the run.
   */
  onUpdateRequested(runId: RunId, carryOut: (update: RunUpdate) => Promise<boolean>): { dispose(): Promise<void> };
}

/** What a streaming call reports while it runs. */
export type ModelStreamEvent =
  | { type: 'first-token' }
  | { type: 'text'; text: string }
  | { type: 'output-tokens'; outputTokens: number };

export interface ModelInfo {
  id: string;
  displayName: string;
}

/** The Messages API. One call is one HTTP request: the engine owns retries. */
export interface ModelClient {
  /**
   * Sends the request, streaming.
   * @throws ModelCallError for every failure; an abort rejects with the signal's reason after the HTTP stream was closed.
   */
  stream(
    request: MessagesRequest,
    betas: readonly string[],
    options: { signal: AbortSignal; onEvent: (event: ModelStreamEvent) => void },
  ): Promise<StoredReply>;
  /** @throws ModelCallError */
  listModels(signal?: AbortSignal): Promise<ModelInfo[]>;
}

/** Gives the client for a provider; made lazily because the SDK is heavy and the key may not be there yet. */
export type ModelClients = (provider: Provider) => Promise<ModelClient>;

/** US dollars, or null where no price is known: never a guess. */
export interface PriceList {
  cost(model: string, usage: StoredReply['usage']): number | null;
}

export type EngineAvailability =
  | { ready: true; detail: string }
  | { ready: false; reason: string; hint: string; canStart: boolean };

/** What drives a run. Both engines pass the same contract suite; both log to the `RunStore`, where progress is read. */
export interface ForkEngine {
  readonly kind: EngineKind;
  availability(): Promise<EngineAvailability>;
  /**
   * Starts the run of a stored plan, or the given branches of it again. Resolves once the run is sure to go on
   * (in-process: begun; temporal: accepted by the server). Its progress is in the `RunStore`.
   * A run that is under way is left alone.
   * @throws EngineUnavailableError; RunOwnedError where another process drives the run (in-process only)
   */
  start(plan: ForkPlan, options?: { again?: { branches: BranchId[]; reason: 'retry' | 'resume' } }): Promise<void>;
  /**
   * Cancels a branch, or the whole run. What was received is kept.
   * @returns whether it had not ended before
   * @throws NotFoundError where the run has no such branch
   */
  cancel(runId: RunId, branchId?: BranchId): Promise<boolean>;
  /** Adds a branch to a run under way; its bodies are stored already. @throws BadInputError where the run has ended or has that id */
  addBranch(runId: RunId, branch: BranchPlan): Promise<void>;
  /** Changes limits of a run under way. @throws BadInputError where it has ended or has no such limit */
  changeLimits(runId: RunId, change: LimitChange): Promise<void>;
  /** Passes a person's answer on to the agent that waits for it. @throws BadInputError where it waits no more */
  answer(runId: RunId, branchId: BranchId, callId: string, answer: Answer): Promise<void>;
  /** Brings the log up to date with the truth: marks a run whose driver is gone as interrupted, or rejoins it. */
  reconcile(plan: ForkPlan): Promise<void>;
  /** Sees to it that somebody drives a run that this process has started, whose worker may have been lost. */
  attend?(plan: ForkPlan): Promise<void>;
  /** Stops driving; runs of this process are left interrupted and can be resumed. */
  dispose(): Promise<void>;
}
