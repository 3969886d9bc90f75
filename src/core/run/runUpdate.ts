import * as z from 'zod';
import { branchPlanSchema } from '../fork/forkPlan.ts';
import { blobRefSchema, branchIdSchema } from '../ids.ts';
import { limitChangeSchema } from './runLimits.ts';

/** What may be asked of a run’s driver. */
export const runUpdateSchema = z.discriminatedUnion('type', [
  /** Null: the whole run. */
  z.object({ type: z.literal('cancel'), branchId: branchIdSchema.nullable() }),
  z.object({ type: z.literal('add-branch'), branch: branchPlanSchema }),
  z.object({ type: z.literal('change-limits'), change: limitChangeSchema }),
]);
export type RunUpdate = z.infer<typeof runUpdateSchema>;

/** Argument of the workflow's update `cancelBranch`. */
export const cancelOrderSchema = z.strictObject({ branchId: branchIdSchema });
export type CancelOrder = z.infer<typeof cancelOrderSchema>;

/** Argument of the workflow's update `addBranch`: a reference, for it enters the history. */
export const addOrderSchema = z.strictObject({
  branchId: branchIdSchema,
  /** Blob of a `BranchPlan`, whose bodies are stored too. */
  branch: blobRefSchema,
});
export type AddOrder = z.infer<typeof addOrderSchema>;
