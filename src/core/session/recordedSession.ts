// src/core/session: what a recording means: lines become entries, entries turns, branches and requests. Parsing never
// fails. What is done with a recording (search, fork, run) stays out.

/** Tokens as the API counts them; a reply's tokens are counted once however many lines it was written as. */
import type { Usage } from '../api/usage.ts';
import type { Json } from '../canonicalJson.ts';
import type { SessionId, TurnId } from '../ids.ts';

/** What is known of a session without opening it. Times are ISO 8601; unknown is null. The fields are those of `forkpoint list`. */
export interface SessionSummary {
  sessionId: SessionId;
  /** Absolute path of the transcript. */
  file: string;
  /** Working directory that the lines name, null where none does. */
  projectPath: string | null;
  /** Custom title, else AI title, else that of a summary, else first prompt in one line, else "Untitled session". */
  title: string;
  /** Whether somebody named it; else the title is the first prompt. */
  isNamed: boolean;
  /** What the file says of conversations that stand in other files. */
  foreignTitles: { leafUuid: string; title: string }[];
  /** Exact number of turns, all branches included. */
  turns: number;
  firstAt: string | null;
  lastAt: string | null;
  bytes: number;
  models: string[];
  /** US dollars as Claude Code recorded them, null where it did not. */
  costUsd: number | null;
  gitBranch: string | null;
  version: string | null;
  /** Number of problems found while reading. */
  problems: number;
  /** When the file was written to last; Claude Code's clean-up goes by that. */
  modifiedAt: string | null;
  /** `uuid`s of the first chained record and of the compactions: a fork that kept ids begins with one of its parent's. */
  roots: string[];
  /** Session that this one was forked from, and the last message of it that this one has too. */
  forkedFrom: { sessionId: string; messageUuid: string | null } | null;
  /** Folder of the main checkout of the repository that the session ran in, null outside git. */
  repository: string | null;
  /** Folder of the linked worktree that it ran in, null in the main checkout and outside git. */
  worktree: string | null;
  /** Does our archive hold a copy? */
  kept: boolean;
  /** Is `file` the archive's copy, because the original is gone? */
  archived: boolean;
  /** When Claude Code may delete the file at the earliest, null where it doesn't or where that is unknown. */
  expiresAt: string | null;
}

/** The part of a summary that neither the transcript nor its file says, as long as nobody has looked. */
export const noContext = {
  repository: null,
  worktree: null,
  kept: false,
  archived: false,
  expiresAt: null,
} as const;

/** Something in a recording that was skipped or repaired. `line` is 1-based. */
export interface ParseProblem {
  line: number;
  kind:
    | 'torn_line'
    | 'invalid_json'
    | 'spliced_records'
    | 'joined_records'
    | 'partial'
    | 'nul_bytes'
    | 'invalid_utf8'
    | 'not_an_object'
    | 'bad_record'
    | 'duplicate_uuid'
    | 'parent_cycle'
    | 'missing_parent'
    | 'too_long'
    | 'too_deep';
  detail: string;
}

/** A content block as the Messages API has it, kept whole. */
export type ContentBlock = { type: string } & { [key: string]: Json };

/** A tool call of a reply, without what it says. */
export interface CallOutline {
  id: string;
  name: string;
  /** `uuid` of the line that holds the call. */
  uuid: string;
  /** Null where no result was recorded. */
  result: { uuid: string; isError: boolean } | null;
}

/** A tool call of a reply with the recorded result. */
export interface RecordedToolCall extends CallOutline {
  input: Json;
  result: { uuid: string; content: Json; isError: boolean; spilled?: SpilledOutput } | null;
}

/** An output that was too long for the transcript: the model got its beginning only. */
export interface SpilledOutput {
  /** Where Claude Code put the whole output. */
  path: string;
  /** Its text, of very long ones the first megabyte; null where the file is gone. */
  text: string | null;
}

/** One model reply, without what it says. */
export interface StepOutline {
  /** 1-based inside its turn. */
  index: number;
  /** `message.id` of the reply. */
  messageId: string;
  /** `uuid`s of the reply's lines in file order (one line per content block). */
  uuids: string[];
  /** First line of the reply, 1-based. */
  line: number;
  at: string | null;
  model: string | null;
  /** Effort that the model was asked for, null where the version doesn't say or the model knows none. */
  effort: string | null;
  toolCalls: CallOutline[];
  usage: Usage;
  stopReason: string | null;
  /** Text of the API error that stands in place of a reply, null otherwise. */
  error: string | null;
}

/** One model reply with the tool results that answer it. */
export interface Step extends StepOutline {
  /** The reply's content blocks in order. */
  content: ContentBlock[];
  /** The reply's text blocks joined with blank lines. */
  text: string;
  toolCalls: RecordedToolCall[];
}

/** A turn without what replies and tools said: what lists and trees show, small enough to keep for every turn. */
export interface TurnOutline {
  turnId: TurnId;
  /** 1-based in file order over all branches. */
  index: number;
  /** 1-based line of the prompt. */
  line: number;
  /** The prompt's text as the person wrote it; images and other blocks are left out. */
  prompt: string;
  /** Number of the prompt's blocks that are no text, for example images. */
  attachments: number;
  /** Nobody typed the prompt: it came from a schedule, or from another session. */
  automatic: boolean;
  at: string | null;
  /** What the person wrote while the turn ran and Claude Code passed on within it, in file order. */
  absorbed: { text: string; line: number }[];
  models: string[];
  /** Names of the tools called, each once, in order of first use. */
  tools: string[];
  usage: Usage;
  interrupted: boolean;
  /** Text of the turn's API error, null where none. */
  error: string | null;
  /** On the branch that resuming the session would continue. */
  active: boolean;
  /** Before the last compaction boundary of its branch and not kept by it: no longer sent to the model. */
  compactedAway: boolean;
  /** Turn that precedes this one on its chain, null for the first. */
  parentTurnId: TurnId | null;
  steps: StepOutline[];
}

/** One user prompt and everything up to the next one. */
export interface Turn extends TurnOutline {
  /** The prompt's content blocks. */
  promptContent: ContentBlock[];
  steps: Step[];
}

/** A line of development inside one file, made by a rewind, a resume in place or a second process. */
export interface SessionBranch {
  leafUuid: string;
  /** Last message shared with the active branch, null where nothing is shared. */
  splitUuid: string | null;
  turns: TurnId[];
  active: boolean;
}

export interface SubagentSummary {
  agentId: string;
  agentType: string | null;
  /** Subagent that started it, null where the session itself did. */
  parentAgentId: string | null;
  /** What it was asked for. */
  task: string | null;
  /** Tool call of the parent that started it, null where not recorded. */
  toolUseId: string | null;
  turnId: TurnId | null;
  messages: number;
  /** Replies of the model. */
  steps: number;
  file: string;
}

export interface Compaction {
  uuid: string;
  line: number;
  trigger: string | null;
  preTokens: number | null;
  postTokens: number | null;
}

/** A transcript message as `forkpoint messages` prints it. */
export interface TranscriptMessage {
  uuid: string;
  line: number;
  type: string;
  role: string;
  turnId: TurnId | null;
  active: boolean;
  message: Json;
}

/** A prompt that was typed while a turn ran and never passed on to the model. */
export interface QueuedPrompt {
  text: string;
  /** 1-based. */
  line: number;
  at: string | null;
}

/** A recording, understood, without its contents. Plain data. */
export interface RecordedSession {
  summary: SessionSummary;
  turns: TurnOutline[];
  branches: SessionBranch[];
  subagents: SubagentSummary[];
  compactions: Compaction[];
  /** Prompts that wait to this day, in file order. */
  queued: QueuedPrompt[];
  problems: ParseProblem[];
}
