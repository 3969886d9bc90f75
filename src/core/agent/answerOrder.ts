import * as z from 'zod';
import { branchIdSchema } from '../ids.ts';
import { answerSchema } from './agentFacts.ts';

/** Argument of the workflow's update `answer`. */
export const answerOrderSchema = z.object({
  branchId: branchIdSchema,
  callId: z.string().min(1),
  answer: answerSchema,
});
export type AnswerOrder = z.infer<typeof answerOrderSchema>;
