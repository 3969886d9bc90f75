import * as z from 'zod';
import { agentPlanSchema, executorSchema } from '../agent/agentSettings.ts';
import { messagesRequestSchema } from '../api/messagesRequest.ts';
import { usageSchema } from '../api/storedReply.ts';
import { blobRefSchema, branchIdSchema, runIdSchema, sessionIdSchema, turnIdSchema } from '../ids.ts';
import { fidelitySchema } from '../session/fidelity.ts';
import { cacheLimitsSchema } from './cacheLimits.ts';
import { prefixMatchSchema } from './prefixMatch.ts';
import { engineKindSchema, toolPolicySchema } from './runChoices.ts';

/** Who answers: the Messages API, or the offline model of the demo, which costs nothing and needs no network. */
export const providerSchema = z.enum(['anthropic', 'demo']);
export type Provider = z.infer<typeof providerSchema>;

/** Name of a schedule: it becomes part of ids on the server. */
export const scheduleNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'Write up to 64 letters, digits, dots, dashes and underscores.');

/** The cut, resolved: `uuid` is the message that the cut stands before or after. */
export const resolvedPointSchema = z.object({
  kind: z.enum(['before', 'after']),
  uuid: z.string(),
  turnIndex: z.number(),
  turnId: turnIdSchema,
  /** For a title, for example `before “Now handle emoji”`. */
  label: z.string(),
});
export type ResolvedPoint = z.infer<typeof resolvedPointSchema>;

/** One branch, ready to run. Bodies are blobs: a plan travels through Temporal and stays small. */
export const branchPlanSchema = z.object({
  branchId: branchIdSchema,
  name: z.string(),
  /** 1-based; `repeats` in all. */
  repeat: z.number(),
  repeats: z.number(),
  model: z.string(),
  /** Blob of a `StoredRequest`: the first request of the branch. */
  request: blobRefSchema,
  /** Blob of `AgentPrompts` where Claude Code answers. Not in plans of earlier versions. */
  agent: blobRefSchema.optional(),
  /** Blob of a `RecordedAnswers`: what the tools answered, and for a replay the prompts that follow. */
  recording: blobRefSchema,
  /** Number of recorded turns to walk through: 1 for a fork. */
  turns: z.int().positive(),
  /** What this branch changes, for a person: `model`, `prompt`, `system`, `effort`, `thinking`, `max tokens`. */
  changes: z.array(z.string()),
  /** What a person must know before it is sent, for example that thinking blocks were dropped. */
  notes: z.array(z.string()),
  /** How much of its first request equals a recorded one. Not in plans of earlier versions. */
  prefix: prefixMatchSchema.optional(),
  /** Answers of earlier runs are taken from the result cache. Not in plans of earlier versions. */
  usesCache: z.boolean().optional(),
  /** Branches of equal group share a prefix that is worth caching; null where there is nothing to share. */
  cacheGroup: z.string().nullable(),
  /**
   * How long what its first request writes to the cache is kept at most, null where it writes nothing. Not in plans of earlier
   * versions.
   */
  cacheTtl: z.enum(['5m', '1h']).nullable().optional(),
  /** Sent in fast mode, which has a price of its own. */
  fast: z.literal(true).optional(),
  /** The first of its group: the others wait for its first token. */
  leads: z.boolean(),
  /** Input of the first request in tokens, measured from the recording where possible; null where unknown. */
  estimatedInputTokens: z.number().nullable(),
});
export type BranchPlan = z.infer<typeof branchPlanSchema>;

/** Everything an engine needs to run a fork or a replay. Ids and references only, never a transcript. */
export const forkPlanSchema = z.object({
  version: z.literal(1),
  runId: runIdSchema,
  kind: z.enum(['fork', 'replay']),
  engine: engineKindSchema,
  provider: providerSchema,
  executor: executorSchema.default('api'),
  /** Set where Claude Code answers. */
  agent: agentPlanSchema.nullable().default(null),
  createdAt: z.iso.datetime(),
  /** Set where a schedule fired it. `previous`: the run before it, null for the first. */
  schedule: z.object({ name: scheduleNameSchema, previous: runIdSchema.nullable() }).optional(),
  /** One line for trees and titles: the prompt at the cut. */
  title: z.string(),
  session: z.object({
    sessionId: sessionIdSchema,
    file: z.string(),
    title: z.string(),
    projectPath: z.string().nullable(),
  }),
  point: resolvedPointSchema,
  fidelity: fidelitySchema,
  digestVerified: z.boolean(),
  missing: z.array(z.string()),
  tools: toolPolicySchema,
  /** Replies per recorded turn. */
  maxSteps: z.number(),
  budgetUsd: z.number().nullable(),
  timeoutSeconds: z.number(),
  /** Limits of the result cache that answers are kept in. Not in plans of earlier versions, which keep none. */
  cache: cacheLimitsSchema.optional(),
  /** Blob of the prompt that branches without their own share. Not where that is the recorded one, nor in plans of earlier versions. */
  prompt: blobRefSchema.optional(),
  /** Blob of a `Baseline`: what was recorded from the fork point on. */
  baseline: blobRefSchema,
  branches: z.array(branchPlanSchema).min(1),
});
export type ForkPlan = z.infer<typeof forkPlanSchema>;

/** Blob behind `BranchPlan.request`. */
export const storedRequestSchema = z.object({ request: messagesRequestSchema, betas: z.array(z.string()) });
export type StoredRequest = z.infer<typeof storedRequestSchema>;

const recordedCallSchema = z.object({
  name: z.string(),
  input: z.unknown(),
  /** Null where the recording holds no result for the call. */
  result: z.object({ content: z.unknown(), isError: z.boolean() }).nullable(),
});
export type RecordedCall = z.infer<typeof recordedCallSchema>;

/** Blob behind `BranchPlan.recording`. */
export const recordedAnswersSchema = z.object({
  /** Number of messages in the first request: what follows was added by the branch. */
  prefixMessages: z.number(),
  turns: z
    .array(
      z.object({
        /** Index of the recorded turn. */
        turn: z.number(),
        /** Prompt to send, null for the first turn, whose prompt stands in the request. */
        prompt: z.array(z.looseObject({ type: z.string() })).nullable(),
        calls: z.array(recordedCallSchema),
      }),
    )
    .min(1),
  /** True for a replay: the calls of a turn must be the recorded ones in the recorded order. */
  strictOrder: z.boolean(),
});
export type RecordedAnswers = z.infer<typeof recordedAnswersSchema>;

/** Blob behind `ForkPlan.baseline`: the recorded course from the fork point on, in the form that branches are compared in. */
export const baselineSchema = z.object({
  steps: z.array(
    z.object({
      turn: z.number(),
      content: z.array(z.looseObject({ type: z.string() })),
      model: z.string().nullable(),
      stopReason: z.string().nullable(),
      usage: usageSchema,
      /** Results by tool call id, for display. */
      results: z.record(z.string(), z.object({ content: z.unknown(), isError: z.boolean() })),
    }),
  ),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
});
export type Baseline = z.infer<typeof baselineSchema>;
