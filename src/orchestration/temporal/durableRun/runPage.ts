import * as z from 'zod';
import { branchPlanSchema, forkPlanSchema } from '../../../core/fork/forkPlan.ts';
import { blobRefSchema, branchIdSchema, runIdSchema } from '../../../core/ids.ts';
import { addOrderSchema } from '../../../core/run/runUpdate.ts';
import { branchProgressSchema } from './runProgress.ts';

/** Asks for what a workflow needs of a run. */
export const loadOrderSchema = z.object({
  runId: runIdSchema,
  /** Blob of the `ForkPlan`. */
  plan: blobRefSchema,
  /** Branches that came since. */
  added: z.array(addOrderSchema),
  /** Those that this attempt runs, but for the added ones; null: all of the plan. */
  branches: z.array(branchIdSchema).nullable(),
  /** Those of them that have ended: only their figures are needed. */
  ended: z.array(branchIdSchema),
  /** The run has a log by now. */
  hasLog: z.boolean(),
  /** Index of the branch to go on from. */
  from: z.int().nonnegative(),
});
export type LoadOrder = z.infer<typeof loadOrderSchema>;

const pageHeadSchema = z.object({
  /** Without words. */
  plan: forkPlanSchema.omit({ branches: true }),
  /** Branches that this attempt does not run: US dollars of them, `costUsd` null where a part is unknown. */
  others: z.object({ ids: z.array(branchIdSchema), costUsd: z.number().nullable(), spentUsd: z.number() }),
});

/** So much of a run as one payload takes. */
export const runPageSchema = z.object({
  /** With the first page. */
  head: pageHeadSchema.nullable(),
  branches: z.array(
    z.object({
      branchId: branchIdSchema,
      /** Without words; null where the branch has ended. */
      plan: branchPlanSchema.nullable(),
      /** As the log tells them, null where it says nothing of the branch. */
      figures: branchProgressSchema.nullable(),
    }),
  ),
  /** Where the next page begins, null where there is none. */
  next: z.int().nullable(),
});
export type RunPage = z.infer<typeof runPageSchema>;
