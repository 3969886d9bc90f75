import * as z from 'zod';
import { blobRefSchema } from '../ids.ts';
import type { BranchOutcome } from './branchOutcome.ts';

/** Where a branch stands before a step that the Messages API answers. */
export const stepPositionSchema = z.object({
  /** The next step, 1-based. */
  step: z.int().positive(),
  /** Index of the recorded turn. */
  turn: z.int(),
  turnsLeft: z.int().positive(),
  /** Steps of the turn that are done. */
  stepOfTurn: z.int().nonnegative(),
  /** Blob of the `StoredRequest` that is sent next. */
  request: blobRefSchema,
  /** The API told the usage of every reply so far. */
  hasUsage: z.boolean(),
});
export type StepPosition = z.infer<typeof stepPositionSchema>;

/** Where a branch stands before a prompt that Claude Code answers. */
export const promptPositionSchema = z.object({
  /** The next prompt, 0-based. */
  prompt: z.int().nonnegative(),
  /** It was sent, and the account's limit keeps it waiting until then (ISO 8601); null otherwise. */
  until: z.string().nullable(),
});
export type PromptPosition = z.infer<typeof promptPositionSchema>;

export const branchPositionSchema = z.union([stepPositionSchema, promptPositionSchema]);
export type BranchPosition = z.infer<typeof branchPositionSchema>;

/** Where a run stands that one execution of its engine hands on to the next. Nothing of it is written to the log again. */
export interface RunPosition {
  /** The branches that have begun and not ended. */
  begun: Readonly<Record<string, BranchPosition>>;
  /** How branches have ended so far. */
  ended: readonly BranchOutcome['state'][];
  /** Cache groups whose branches wait for no first token any more. */
  openGroups: readonly string[];
  baselinesChecked: boolean;
}
