import * as z from 'zod';
import { usageSchema } from '../api/storedReply.ts';
import { failureSchema } from '../failure.ts';
import { blobRefSchema } from '../ids.ts';

/** A tool call of a branch, small enough to travel in an event. The whole input stands in the reply's blob. */
export const toolCallSchema = z.object({
  id: z.string(),
  name: z.string(),
  input: z.unknown(),
  /**
   * `recorded`: answered with the recorded result; `open`: made by an agent, and nothing came of it so far; `executed`: really carried
   * out; `waiting`: a person is asked first; `denied`: refused; `none`: not answered, the branch ended here or nobody waits for an
   * answer any more.
   */
  answer: z.enum(['recorded', 'open', 'executed', 'waiting', 'denied', 'none']),
});
export type BranchToolCall = z.infer<typeof toolCallSchema>;

/**
 * `end_turn`, `max_tokens`, `refusal`, … as the API says it, or one of ours: `tool_not_recorded` (no recorded result),
 * `tool_stop` (the policy ends at the first call), `max_steps`, `diverged` (a replay left the recording),
 * `reply_not_sendable` (the API would not take the reply back).
 */
export const stopReasonSchema = z.string();

/** `unknown` where a request may have been billed although no usage came back. */
export const billingSchema = z.enum(['known', 'unknown']);
export type Billing = z.infer<typeof billingSchema>;

/** How a branch ended. What was received is kept in every case. */
export const branchOutcomeSchema = z.object({
  state: z.enum(['completed', 'failed', 'cancelled']),
  stopReason: stopReasonSchema.nullable(),
  error: failureSchema.nullable(),
  billing: billingSchema,
  /** A replay's first turn whose tools differed from the recording, null otherwise. */
  divergedAtTurn: z.number().nullable().default(null),
});
export type BranchOutcome = z.infer<typeof branchOutcomeSchema>;

/** One reply of a branch: small facts inline, the reply itself by reference. */
export const stepResultSchema = z.object({
  /** 1-based inside the branch. */
  step: z.number(),
  /** Index of the recorded turn that this step belongs to (a replay walks through several). */
  turn: z.number(),
  /** Blob of a `StoredReply`. */
  reply: blobRefSchema,
  model: z.string().nullable(),
  stopReason: z.string().nullable(),
  usage: usageSchema,
  toolCalls: z.number(),
  /** US dollars, null where the model has no known price or the API told no usage. */
  costUsd: z.number().nullable(),
  /** The API told no usage. */
  usageMissing: z.literal(true).optional(),
  /** Set where an earlier run's answer was taken and nothing was sent: what that saved. `usage` and `costUsd` are then zero. */
  cached: z.object({ usage: usageSchema, costUsd: z.number().nullable() }).optional(),
});
export type StepResult = z.infer<typeof stepResultSchema>;
