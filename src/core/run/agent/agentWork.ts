import type {
  AgentBranchRef,
  AgentProgram,
  BranchSessions,
  ChangeStore,
  CheckRunner,
  PlaceId,
  Places,
} from '../../agent/agentPorts.ts';
import type { BlobStore } from '../../blobStore.ts';
import type { Clock } from '../../clock.ts';
import type { Failure } from '../../failure.ts';
import type { SessionStore } from '../../fork/sessionStore.ts';
import type { RunId } from '../../ids.ts';
import type { Sha256 } from '../../sha256.ts';
import type { CheckCache } from '../checkCache.ts';
import type { PriceList, RunStore } from '../ports.ts';

/** How one prompt of a branch ended. */
export type AgentTurnOutcome = {
  stopReason: string | null;
  error: Failure | null;
  costUsd: number | null;
} & (
  | { kind: 'completed' | 'max_turns' | 'budget' | 'timeout' | 'failed' }
  /** `resetsAt`: ISO 8601. */
  | { kind: 'limit'; resetsAt: string }
);

/** What the agent's work is done with. */
export interface AgentWorkDeps {
  runs: RunStore;
  blobs: BlobStore;
  clock: Clock;
  prices: PriceList;
  sha256: Sha256;
  places: Places;
  changes: ChangeStore;
  sessions: BranchSessions;
  program: AgentProgram;
  checks: CheckRunner;
  /** Results of checks of earlier runs; left out where there are none. */
  checkCache?: CheckCache;
  /** Where recordings are read: the branch's own session, for its request log. */
  recordings: Pick<SessionStore, 'open'>;
  decodeBase64: (text: string) => Uint8Array;
  /** Whether all of this machine is a container, which agents without questions may change. */
  inContainer: () => boolean;
  /** A free port that was not given out before. */
  freePort: () => Promise<number>;
  /** Keeps what a failed teardown command printed, the `index`th of its place (1-based). @returns its file @throws StorageError */
  keepOutput: (id: PlaceId, index: number, text: string) => Promise<string>;
  /** Environment of set-up commands and checks: this process's, without keys and without what Claude Code set for itself. */
  commandEnv: () => Record<string, string>;
}

/** What is done for a branch that Claude Code answers, one call an activity. Everything that happens is in the run's log. */
export interface AgentWork {
  /** Makes the place, writes the session, runs the set-up. @throws PlaceError, SetupError; the signal's reason */
  prepare(ref: AgentBranchRef, signal: AbortSignal): Promise<void>;
  /** @param turn 0-based @throws AgentError; the signal's reason after an abort */
  turn(
    ref: AgentBranchRef & { turn: number },
    options: {
      signal: AbortSignal;
      onFirstToken?: (() => void) | undefined;
      onQuestion?: QuestionListener | undefined;
    },
  ): Promise<AgentTurnOutcome>;
  /** Says in the log that the branch waits for the account's limit. */
  noteWaiting(ref: AgentBranchRef, until: string): Promise<void>;
  finish(ref: AgentBranchRef & { checks: boolean }, signal: AbortSignal): Promise<void>;
  discard(ref: AgentBranchRef): Promise<void>;
  /** Runs the checks on the fork point and on the recorded end, each in a place that is removed again. */
  checkBaselines(runId: RunId, signal: AbortSignal): Promise<void>;
}

/**
 * Told of a question when it is open, and when it is answered or gone. A person sees it as soon as this has heard that it is open.
 * @param waiting aborted when nobody waits for the answer any more
 */
export type QuestionListener = (callId: string, state: 'open' | 'closed', waiting: AbortSignal) => Promise<void> | void;
