import * as z from 'zod';

export const executionHistorySchema = z.object({
  workflowId: z.string(),
  /** What Temporal calls a run id. */
  executionId: z.string(),
  /** In the JSON form of protobuf, payloads decoded. */
  history: z.looseObject({ events: z.array(z.looseObject({})).min(1) }),
});
/** The history of one execution of a run's workflow. */
export type ExecutionHistory = z.infer<typeof executionHistorySchema>;
