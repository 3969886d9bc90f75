// src/core/agent: Claude Code as a program: settings, flags, stream protocol, permissions, and the ports to it and to
// places. No forks and no runs.

import type { StoredReply } from '../api/storedReply.ts';
import type { ChangeSet } from '../changes/changes.ts';
import type { Failure } from '../failure.ts';
import type { BlobRef, BranchId, RunId } from '../ids.ts';
import type { Answer, ChangedFile, CheckResult, Commit, Doubt, PlaceFact, Question } from './agentFacts.ts';
import type {
  AgentPrompts,
  BranchChain,
  CheckSpec,
  PermissionPolicy,
  PlaceChoice,
  PlacedFile,
  PlaceKind,
} from './agentSettings.ts';
import type { FileTimes } from './fileTimes.ts';

/** A place belongs to one branch of a run, or to one of its two baselines. */
export interface PlaceId {
  runId: RunId;
  /** A branch's id, `fork-point` or `recorded`. */
  name: string;
}

/** What a place is made of. */
export interface PlaceOrder {
  id: PlaceId;
  kind: PlaceChoice;
  /** Folder that the session ran in, absolute. It may lie inside a repository: the whole of that is laid out. */
  folder: string;
  /** Commit to begin from, null for what is there now (uncommitted changes included). */
  base: string | null;
  /** Files to put or remove before anything else happens in the place. */
  files: readonly PlacedFile[];
  readBlob(ref: BlobRef): Promise<Uint8Array>;
  /** When they were read and written: an agent takes a file that is newer for changed. Default: nothing is known of it. */
  times?: FileTimes;
  /** Patterns of ignored files that a worktree gets copies of. */
  include: readonly string[];
}

/** What stops and removes what the set-up of a place started or made elsewhere: servers, databases. */
export interface Teardown {
  /** Shell commands, run one after another in the place. */
  commands: readonly string[];
  /** Added to their environment. */
  env: Readonly<Record<string, string>>;
}

export interface PlaceOption {
  kind: PlaceKind;
  available: boolean;
  /** Why it can't be had, or what follows from it; a sentence. */
  detail: string;
}

export interface PlaceProcess {
  readonly pid: number;
  readonly stdin: { write(text: string): void; end(): void };
  /** UTF-8 text as it comes. */
  onStdout(listener: (text: string) => void): void;
  onStderr(listener: (text: string) => void): void;
  /** Resolves when the program has ended and its output was read. */
  readonly ended: Promise<{ exitCode: number | null; signal: string | null }>;
  /** To the program itself. */
  signal(name: 'SIGINT' | 'SIGTERM'): void;
  /** Ends it with everything that it started, at once. */
  kill(): void;
}

export interface SpawnOptions {
  /** Absolute, as the recording names it; default: the session's folder. */
  cwd?: string;
  /** Whole environment. */
  env: Readonly<Record<string, string>>;
}

/** A folder of its own, in which an agent works on the project's files. */
export interface Place extends PlaceFact {
  readonly id: PlaceId;
  /** What a person must know: rewritten paths, submodules, a tree that changed meanwhile. A sentence each. */
  readonly notes: readonly string[];
  /** Folder of the project that was laid out, as recorded (absolute). */
  readonly projectRoot: string;
  /** Folders of the user's that nothing may be written to, absolute: the checkout and its repository. Empty in an overlay. */
  readonly userFolders: readonly string[];
  /** The system itself refuses writes to those folders. */
  readonly isConfined: boolean;
  /** Where a recorded absolute path lies for the agent: the same in an overlay. */
  toPlace(path: string): string;
  /**
   * Whether a write to this path (as the agent names it) stays inside the place, symbolic links resolved.
   * @returns null where it does, else why not
   */
  refusesWrite(path: string): Promise<string | null>;
  /** Starts a program in the place; everything that it starts ends with it. One at a time in an overlay. */
  spawn(command: readonly string[], options: SpawnOptions): PlaceProcess;
  /** The same as a command line for a person's terminal, started in `cwd`. */
  commandLine(command: readonly string[], options?: { cwd?: string }): { command: string[]; cwd: string };
  /**
   * Digest of all that a command finds in the place: files, commits, branches, what is staged. Null where not all of that can be
   * known: where something of the user's shows through, or files are ignored, too large, or in a repository of their own.
   */
  state(): Promise<string | null>;
  /** What differs from the fork point. Not while a program runs in an overlay. */
  changes(): Promise<ChangeSet>;
  /** Commits made since the fork point, oldest first. */
  commits(): Promise<Commit[]>;
}

export interface PlaceInfo {
  id: PlaceId;
  kind: PlaceKind;
  root: string;
  bytes: number;
  /** ISO 8601. */
  createdAt: string;
  /** A process lives in it. */
  inUse: boolean;
  /** Its run is gone. */
  orphan: boolean;
}

/** Makes, finds and removes places. All of them lie in our data folder. */
export interface Places {
  /** What can be had for a project, best first; really tried once. */
  options(folder: string): Promise<PlaceOption[]>;
  /**
   * Makes a place, or gives the one of that id as it is. What was half made is removed.
   * @throws PlaceError where none can be had, with the reason of each kind
   */
  create(order: PlaceOrder, signal: AbortSignal): Promise<Place>;
  /** @throws NotFoundError */
  open(id: PlaceId): Promise<Place>;
  list(): Promise<PlaceInfo[]>;
  /** Keeps beside a place how to tear it down, so that this needs no run any more. @throws StorageError */
  keepTeardown(id: PlaceId, teardown: Teardown): Promise<void>;
  /** What was kept; null where nothing was. */
  teardownOf(id: PlaceId): Promise<Teardown | null>;
  /** Removes a place; what it changed is gone with it, so the caller keeps that first. @throws PlaceError where a process lives in it */
  remove(id: PlaceId): Promise<void>;
}

/** The two ends of a diff: a state's change set against the fork point, null for the fork point itself. */
export interface DiffSides {
  a: ChangeSet | null;
  b: ChangeSet | null;
}

/** The versions of changed files, and what can be made of them. One store for all places of a run. */
export interface ChangeStore {
  /** Stores bytes, gives the git object id. */
  put(runId: RunId, bytes: Uint8Array): Promise<string>;
  /** @throws StorageError */
  read(runId: RunId, oid: string): Promise<Uint8Array>;
  /** Files that differ between two states, renames found. */
  files(runId: RunId, sides: DiffSides): Promise<ChangedFile[]>;
  /** A patch that `git apply` takes, from a to b. */
  patch(runId: RunId, sides: DiffSides): Promise<string>;
  /** Removes all that is stored of a run. */
  remove(runId: RunId): Promise<void>;
}

/** What an agent says while it works on a prompt. `parent` is the call of the subagent that says it, null for the agent itself. */
export type AgentMessage =
  | { type: 'started'; model: string; tools: string[]; version: string | null; permissionMode: string | null }
  | { type: 'first-token' }
  | { type: 'text'; text: string; outputTokens: number | null }
  | { type: 'reply'; reply: StoredReply; messageId: string; parent: string | null }
  | { type: 'tool-result'; callId: string; content: unknown; isError: boolean; parent: string | null }
  | { type: 'compacted'; preTokens: number | null }
  /** What a person should know, a sentence. */
  | { type: 'notice'; text: string }
  | { type: 'retrying'; attempt: number; delayMs: number; message: string }
  | { type: 'denied'; callId: string; tool: string; input: unknown; message: string };

/** How a prompt ended. */
export interface AgentTurnEnd {
  /** `limit`: the account's usage limit; `resetsAt` says until when. */
  kind: 'completed' | 'max_turns' | 'budget' | 'limit' | 'failed';
  stopReason: string | null;
  error: Failure | null;
  /** US dollars that Claude Code reports for this prompt, null where it reports none. */
  costUsd: number | null;
  /** ISO 8601. */
  resetsAt: string | null;
}

export interface AgentTurnOrder {
  program: string;
  version: string | null;
  configDir: string;
  place: Place;
  sessionId: string;
  /** False where the session's file was not written: a fork before the first prompt begins a new session of this id. */
  resume: boolean;
  /** Name of a session that begins here; one that is resumed has its own. */
  title?: string | null;
  /** `BranchChain.resumeAt` with the first prompt of the session that was written, null with every later one. */
  resumeAt?: string | null;
  prompt: AgentPrompts['turns'][number]['content'];
  branch: AgentPrompts['branch'];
  chain: Pick<BranchChain, 'tools' | 'permissionMode' | 'version'>;
  permissions: PermissionPolicy;
  /** Shell commands that go through without a question. */
  allowedCommands: readonly string[];
  /** Rules of the project's own settings that count although Claude Code was never told to trust the folder. */
  allowRules: readonly string[];
  maxTurns: number | null;
  budgetUsd: number | null;
  /** Added to the environment. */
  env: Readonly<Record<string, string>>;
}

/** The user's own Claude Code. */
export interface AgentProgram {
  /**
   * Sends one prompt and waits for its end. An abort interrupts it first, then ends it with everything that it started.
   * @throws the signal's reason after an abort; AgentError where the program can't be started or says nothing that is understood
   */
  turn(
    order: AgentTurnOrder,
    options: {
      signal: AbortSignal;
      onMessage: (message: AgentMessage) => void;
      /**
       * Asked for every call that needs an answer; may take as long as it likes. Rejects when the program withdraws the question,
       * which `withdrawn` tells.
       */
      onQuestion: (question: Question, withdrawn: AbortSignal) => Promise<Answer>;
      /** Told how the prompt ended before the program is gone, which may take seconds. */
      onEnd?: (end: AgentTurnEnd) => Promise<void>;
    },
  ): Promise<AgentTurnEnd>;
}

/** A Claude Code that was found on this machine. */
export interface FoundAgent {
  /** Absolute. */
  program: string;
  version: string | null;
  /** Where it was found, for a person: `PATH`, `setting`, `extension`. */
  from: string;
  /** How it is logged in, as it says itself, for example `Claude Max plan` or `API key`; null where it doesn't say. */
  login: string | null;
  /** `subscription`: runs count against a plan; `api`: they are billed; null: unknown. */
  billing: 'subscription' | 'api' | null;
}

export interface AgentFinder {
  /** Null where there is none. */
  find(): Promise<FoundAgent | null>;
}

/** The branch's own session in Claude Code's folder. */
export interface BranchSessions {
  /**
   * Writes the chain as a new session; the recorded session's file is not touched.
   * @param order.rewrite maps recorded absolute paths into the place; identity in an overlay
   * @returns the file, null where the chain is empty: there is nothing to resume, and what the session comes from is noted elsewhere
   */
  write(order: {
    chain: BranchChain;
    configDir: string;
    sessionId: string;
    /** The recorded session. */
    source: string;
    /** Where the agent will run. */
    cwd: string;
    rewrite: { from: string; to: string } | null;
    title: string | null;
  }): Promise<string | null>;
  /** What the session holds beyond what `write` put there. */
  state(
    configDir: string,
    sessionId: string,
    chain: BranchChain,
  ): Promise<{
    file: string | null;
    /** Prompts that were recorded in it since. */
    prompts: number;
    /** Calls without a result. */
    open: Doubt[];
  }>;
  /** Removes a session that nothing was added to. */
  discard(configDir: string, sessionId: string, chain: BranchChain): Promise<void>;
}

export interface CheckRunner {
  run(place: Place, spec: CheckSpec, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<CheckResult>;
}

/** A branch of a run, for the ports of the agent loop. */
export interface AgentBranchRef {
  runId: RunId;
  branchId: BranchId;
}
