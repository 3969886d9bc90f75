import * as z from 'zod';
import { type ForkPlan, forkPlanSchema } from '../fork/forkPlan.ts';
import { branchIdSchema } from '../ids.ts';
import { stepResultSchema } from './branchOutcome.ts';

/**
 * What an engine in another process is told to do: ids, references, limits and small facts, never what was said. The
 * plan in it went through `withoutWords`.
 */
export const runOrderSchema = z.object({
  version: z.literal(1),
  plan: forkPlanSchema,
  branches: z.array(branchIdSchema).min(1),
  /** Completed steps of earlier attempts by branch id. */
  prior: z.record(z.string(), z.array(stepResultSchema)),
  /** 1 for the first dispatch, then one more for each retry or resume. */
  attempt: z.int().positive(),
  /** Retries of a model call. */
  retry: z.object({ initialMs: z.number(), factor: z.number(), maxMs: z.number(), attempts: z.int().positive() }),
  /** A worker that says nothing for so long, in milliseconds, is taken for lost. */
  heartbeatMs: z.int().positive(),
});
export type RunOrder = z.infer<typeof runOrderSchema>;

/** The plan without the words of the recording: no engine needs them, and a server's history is no place for them. */
export function withoutWords(plan: ForkPlan): ForkPlan {
  return {
    ...plan,
    title: '',
    session: { ...plan.session, file: '', title: '', projectPath: null },
    point: { ...plan.point, label: '' },
    missing: [],
    branches: plan.branches.map((branch) => ({ ...branch, changes: [], notes: [] })),
  };
}
