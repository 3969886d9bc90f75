import type { ChangedFile, FailedTeardown, Question } from '../agent/agentFacts.ts';
import type { FoundAgent, Place, PlaceInfo, PlaceOption } from '../agent/agentPorts.ts';
import type { ApplyPlan, ApplyResult } from '../changes/applyChanges.ts';
import type { RunId } from '../ids.ts';
import type { RunView } from '../run/runView.ts';

/** Names of the two states that stand beside branches in `diff`. */
export const forkPointName = 'fork-point';
export const recordedStateName = 'recorded';

/** A question that waits, with where it was asked. */
export interface OpenQuestion extends Question {
  runId: RunId;
  branchId: string;
  /** Name of the branch, with its repeat where there are several. */
  branch: string;
  title: string;
}

/**
 * What can be done with the branches that Claude Code answered: look at their code, check it, take it over, live in their
 * places. A side of a diff is a branch's id or name, `fork-point`, or `recorded` (the state after the recorded course).
 */
export interface AgentRuns {
  /** The Claude Code that runs would be answered by, null where there is none. */
  find(): Promise<FoundAgent | null>;
  /** What can be had for a project, best first. */
  placeOptions(folder: string): Promise<PlaceOption[]>;
  /** What waits for a person, oldest first, in one run or in all. */
  questions(runId?: RunId): Promise<OpenQuestion[]>;
  /** Files that differ between two sides, sorted by path. @throws NotFoundError, BadInputError where a side's state isn't known */
  files(runId: RunId, a: string, b: string): Promise<ChangedFile[]>;
  /** A patch that `git apply` takes, from a to b. @throws as `files` */
  patch(runId: RunId, a: string, b: string): Promise<string>;
  /**
   * A file of a side, by its path relative to the project's root.
   * @returns null where the side has no such file
   * @throws NotFoundError where nothing of it is kept: no state changed it
   */
  content(runId: RunId, side: string, path: string): Promise<Uint8Array | null>;
  /**
   * Runs the checks again, of one branch or of all that have a place.
   * @throws BadInputError where the run has no checks or an agent is still at work, NotFoundError where there is no place to run them in
   */
  check(runId: RunId, branch: string | null, signal: AbortSignal): Promise<RunView>;
  /**
   * Paths that were changed in the branch's place after it ended, by a person, a command, a check or its session gone on with. No side
   * of this branch has them.
   * @returns null where something lives there: it may change more
   */
  laterChanges(runId: RunId, branch: string): Promise<string[] | null>;
  /** Takes these for what the branch changed. @returns them @throws PlaceError where something lives there */
  takeLaterChanges(runId: RunId, branch: string): Promise<string[]>;
  /** Three-way into the project's present tree, or another folder; nothing is written. */
  planApply(runId: RunId, branch: string, folder?: string): Promise<ApplyPlan>;
  /** Writes what the preview shows. */
  apply(plan: ApplyPlan): Promise<ApplyResult>;
  /** Commits the branch's files on a new git branch; working tree, index and HEAD stay as they are. */
  toGitBranch(
    runId: RunId,
    branch: string,
    name: string,
  ): Promise<ApplyResult & { sha: string; branch: string; notes: string[] }>;
  /** The place of a branch, to run something in. @throws NotFoundError */
  place(runId: RunId, branch: string): Promise<Place>;
  /** How to go on with the branch's session by hand. */
  continuation(runId: RunId, branch: string): Promise<Continuation>;
  /**
   * A command in the branch's place, for a person's terminal: a shell, for example.
   * @param command program and arguments
   * @throws BadInputError where the place is an overlay and its agent is still at work, NotFoundError
   */
  command(runId: RunId, branch: string, command: readonly string[]): Promise<Continuation>;
  places(): Promise<PlaceInfo[]>;
  /** Removes places that no run owns and nobody lives in; what they changed is kept as a patch. */
  prune(): Promise<RemovedPlace[]>;
  /**
   * Removes the places of a run that is to be deleted, its teardown commands awaited.
   * @returns the commands that failed
   * @throws PlaceError where something lives in one
   */
  removePlaces(runId: RunId): Promise<FailedTeardown[]>;
}

export interface RemovedPlace {
  place: PlaceInfo;
  /** File of what it changed, null where that is nothing. */
  patch: string | null;
  failedTeardowns: FailedTeardown[];
}

/** A command line that goes on with a branch's session in its place. */
export interface Continuation {
  /** To be started as it is, for a person's terminal. */
  command: string[];
  /** Where it is started. */
  cwd: string;
  /** Added to the environment. */
  env: Record<string, string>;
}
