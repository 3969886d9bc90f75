import * as z from 'zod';
import { blobRefSchema, branchIdSchema } from '../../ids.ts';

/** Argument of the workflow's update `answer`: a reference, for it enters the history. */
export const answerOrderSchema = z.object({
  branchId: branchIdSchema,
  callId: z.string().min(1),
  /** Blob of an `Answer`. */
  answer: blobRefSchema,
});
export type AnswerOrder = z.infer<typeof answerOrderSchema>;
