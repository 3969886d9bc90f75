import * as z from 'zod';
import { blobRefSchema } from '../ids.ts';
import { placeKindSchema } from './agentSettings.ts';

// Small facts about a branch that Claude Code answers: they travel in events and stand in views and in `--json`.

export const placeSchema = z.object({
  kind: placeKindSchema,
  /** Where the agent sees the session's folder, absolute. */
  path: z.string(),
  /** Where what it changed lies on disk, absolute. */
  root: z.string(),
});
export type PlaceFact = z.infer<typeof placeSchema>;

/** How many segments of tools, system prompt and history equal the recorded request; null where that can't be known. */
export const measuredPrefixSchema = z.object({
  equal: z.number(),
  total: z.number(),
  /** In words, null where all is equal. */
  stopsAt: z.string().nullable(),
});
export type MeasuredPrefix = z.infer<typeof measuredPrefixSchema>;

export const changedFileSchema = z.object({
  /** Relative to the project's root, forward slashes. */
  path: z.string(),
  status: z.enum(['added', 'modified', 'deleted', 'renamed']),
  /** Former path of a renamed file. */
  from: z.string().optional(),
  /** Lines; 0 for a binary file. */
  added: z.number(),
  removed: z.number(),
  binary: z.boolean(),
});
export type ChangedFile = z.infer<typeof changedFileSchema>;

export const commitSchema = z.object({ sha: z.string(), subject: z.string() });
export type Commit = z.infer<typeof commitSchema>;

export const checkResultSchema = z.object({
  name: z.string(),
  /** Null where it was ended: its time was up, or it was cancelled. */
  exitCode: z.number().nullable(),
  passed: z.boolean(),
  ms: z.number(),
  /** Blob of `{ text }`: what it printed. */
  output: blobRefSchema.nullable().default(null),
  /** It was not run: an earlier one of the very same state came to this. */
  cached: z.literal(true).optional(),
});
export type CheckResult = z.infer<typeof checkResultSchema>;

/** A teardown command that failed before its place was removed. */
export const failedTeardownSchema = z.object({
  /** Name of the place: a branch's id, `fork-point` or `recorded`. */
  place: z.string(),
  command: z.string(),
  /** Null where it was ended, as its time was up, or could not be run. */
  exitCode: z.number().nullable(),
  /** File of what it printed, null where that could not be kept. */
  output: z.string().nullable(),
});
export type FailedTeardown = z.infer<typeof failedTeardownSchema>;

/** Why one of the two states that branches are compared with could not be checked. */
export interface BaselineProblem {
  state: 'fork-point' | 'recorded';
  /** A sentence. */
  reason: string;
}

/** What an agent must ask a person before it goes on. */
export const questionSchema = z.object({
  callId: z.string(),
  tool: z.string(),
  input: z.unknown(),
  askedAt: z.string(),
  /** Why it is asked, null where there is nothing to say. */
  reason: z.string().nullable().default(null),
});
export type Question = z.infer<typeof questionSchema>;

export const answerScopeSchema = z.enum(['call', 'branch', 'run']);

export const answerSchema = z.object({
  behavior: z.enum(['allow', 'deny']),
  /** For what else this answer holds: `branch` and `run` allow the same call again without a question. */
  scope: answerScopeSchema.default('call'),
  /** Told to the agent where it is denied. */
  message: z.string().optional(),
  /** For questions with options: the answers by question text. */
  answers: z.record(z.string(), z.string()).optional(),
});
export type Answer = z.infer<typeof answerSchema>;

/** A call that was under way when its process was lost: it may have been carried out. */
export const doubtSchema = z.object({ tool: z.string(), input: z.unknown() });
export type Doubt = z.infer<typeof doubtSchema>;
