import * as z from 'zod';
import { branchIdSchema, runIdSchema } from '../ids.ts';
import {
  billingSchema,
  branchOutcomeSchema,
  failureSchema,
  stepResultSchema,
  toolCallSchema,
} from './branchOutcome.ts';

const base = { runId: runIdSchema, at: z.iso.datetime() };
const ofBranch = { ...base, branchId: branchIdSchema };

/**
 * Everything that happens in a run, in the order it happened. Events are appended to the run's log before they are
 * shown; folding them (`foldRun`) gives the run's state, so a reader who comes late misses nothing.
 */
export const branchEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run-started'), ...base, attempt: z.number() }),
  z.object({ type: z.literal('branch-started'), ...ofBranch }),
  z.object({ type: z.literal('request-sent'), ...ofBranch, step: z.number(), attempt: z.number() }),
  z.object({ type: z.literal('first-token'), ...ofBranch, step: z.number() }),
  /** Text since the last such event of the step; coalesced, so at most a few a second. */
  z.object({
    type: z.literal('text-delta'),
    ...ofBranch,
    step: z.number(),
    text: z.string(),
    outputTokens: z.number().nullable(),
  }),
  /** A call failed and will be made again after `delayMs`. `billing` is `unknown` where the failed one may have been billed. */
  z.object({
    type: z.literal('retrying'),
    ...ofBranch,
    step: z.number(),
    attempt: z.number(),
    delayMs: z.number(),
    error: failureSchema,
    billing: billingSchema,
  }),
  z.object({ type: z.literal('step-completed'), ...ofBranch, result: stepResultSchema }),
  z.object({ type: z.literal('tools-answered'), ...ofBranch, step: z.number(), calls: z.array(toolCallSchema) }),
  z.object({ type: z.literal('branch-ended'), ...ofBranch, outcome: branchOutcomeSchema }),
  /** A branch that ended or was interrupted is about to be run again by `retry` or `resume`. */
  z.object({ type: z.literal('branch-reset'), ...ofBranch, reason: z.enum(['retry', 'resume']) }),
  z.object({ type: z.literal('run-ended'), ...base, state: z.enum(['completed', 'failed', 'cancelled']) }),
]);
export type BranchEvent = z.infer<typeof branchEventSchema>;
