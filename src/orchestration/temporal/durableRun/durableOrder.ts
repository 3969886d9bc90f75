import * as z from 'zod';
import { blobRefSchema, branchIdSchema, runIdSchema } from '../../../core/ids.ts';
import { limitChangeSchema } from '../../../core/run/runLimits.ts';
import { runOrderSchema } from '../../../core/run/runOrder.ts';
import { branchPositionSchema } from '../../../core/run/runPosition.ts';
import { addOrderSchema } from '../../../core/run/runUpdate.ts';

/** What one execution of the workflow hands on to the next. What branches said, and what they cost, stands in the run's log. */
export const runCursorSchema = z.object({
  /** Branches of this attempt that have ended. */
  ended: z.array(branchIdSchema),
  /** In which states they did, each once. */
  endStates: z.array(z.enum(['completed', 'failed', 'cancelled'])),
  /** Branches that were cancelled before they began: they end when their turn comes. */
  cancelled: z.array(branchIdSchema).default([]),
  /** Branches that have begun and not ended. `usedMs`: of the branch's time limit. */
  begun: z.record(z.string(), z.object({ position: branchPositionSchema, usedMs: z.number() })),
  /** Branches that came while the run was under way, in order. */
  added: z.array(addOrderSchema),
  /** Limits that changed while the run was under way. */
  limits: limitChangeSchema.nullable(),
  spentUsd: z.number(),
  openGroups: z.array(z.string()),
  baselinesChecked: z.boolean(),
  /** Updates that were carried out, by their ids, so that one which is sent again is not carried out again. */
  updates: z.array(z.object({ id: z.string(), result: z.enum(['running', 'pending']).nullable() })),
});
export type RunCursor = z.infer<typeof runCursorSchema>;

/** What the workflow is told: ids, references, limits. What it needs of the plan it loads, so that no plan is too large. */
export const durableOrderSchema = z.object({
  version: z.literal(2),
  runId: runIdSchema,
  /** Blob of the `ForkPlan`. */
  plan: blobRefSchema,
  /** Null: all of the plan. */
  branches: z.array(branchIdSchema).min(1).nullable(),
  /** 1 for the first dispatch, then one more for each retry or resume. */
  attempt: z.int().positive(),
  /** The run's log holds steps before the first attempt: those of the run that it goes on from. */
  hasLog: z.literal(true).optional(),
  retry: runOrderSchema.shape.retry,
  heartbeatMs: runOrderSchema.shape.heartbeatMs,
  searchable: runOrderSchema.shape.searchable,
  /** Branches that have begun and not ended, at once. Here, and not in the workflow's code: another number would not replay. */
  branchesAtOnce: z.int().positive(),
  /** Branches that find room begin at the same moment, and one timer serves all. Here, as a run of an older version does neither. */
  together: z.literal(true).optional(),
  /** Events of a history after which the run goes on in a new one. Default: when the server suggests it. */
  continueAfterEvents: z.int().positive().optional(),
  cursor: runCursorSchema.nullable(),
});
export type DurableOrder = z.infer<typeof durableOrderSchema>;

/** Runs that older versions started have the plan in their order. */
export const anyOrderSchema = z.discriminatedUnion('version', [runOrderSchema, durableOrderSchema]);
