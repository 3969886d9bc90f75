import * as z from 'zod';
import { scheduleNameSchema } from '../../../core/fork/forkPlan.ts';
import { blobRefSchema, runIdSchema, sessionIdSchema } from '../../../core/ids.ts';
import { durableOrderSchema } from './durableOrder.ts';

/** What a schedule's workflow is told. What it runs lies in the blob store. */
export const scheduledOrderSchema = z.object({
  version: z.literal(1),
  schedule: scheduleNameSchema,
  /** Blob of a `ScheduleOrder`. */
  order: blobRefSchema,
  /** Items of it: each becomes a run. */
  items: z.int().positive(),
});
export type ScheduledOrder = z.infer<typeof scheduledOrderSchema>;

/** Asks for the run of one item of a firing. */
export const prepareOrderSchema = z.object({
  schedule: scheduleNameSchema,
  order: blobRefSchema,
  index: z.int().nonnegative(),
  /** Id of the firing's workflow: the run's id is made of it. */
  firing: z.string(),
  /** The run of this item before, null for the first. */
  previous: runIdSchema.nullable(),
});
export type PrepareOrder = z.infer<typeof prepareOrderSchema>;

const keyOf = <T extends string>(type: T) => z.object({ name: z.string(), type: z.literal(type) });

/** Search attributes as JSON keeps them. */
export const attributesSchema = z.array(
  z.union([
    z.object({ key: keyOf('KEYWORD'), value: z.string() }),
    z.object({ key: keyOf('KEYWORD_LIST'), value: z.array(z.string()) }),
  ]),
);

export const preparedRunSchema = z.object({
  runId: runIdSchema,
  /** Null where the run could not be planned: its log says why, and it has ended. */
  start: z
    .object({
      order: durableOrderSchema,
      memo: z.record(z.string(), z.union([z.string(), z.number()])),
      summary: z.string(),
      /** Empty where the server does not know our search attributes. */
      attributes: attributesSchema,
    })
    .nullable(),
});
export type PreparedRun = z.infer<typeof preparedRunSchema>;

/** What a firing came to. The next one is handed this by the server. */
export const firedRunsSchema = z.object({
  runs: z.array(z.object({ runId: runIdSchema, state: z.enum(['completed', 'failed', 'cancelled']) })),
  /** For each item the run that the next one is compared with. */
  comparable: z.array(runIdSchema.nullable()),
});
export type FiredRuns = z.infer<typeof firedRunsSchema>;

/** Memo of a schedule. */
export const scheduleMemoSchema = z.object({
  cron: z.string(),
  timezone: z.string(),
  order: blobRefSchema,
  sessions: z.array(sessionIdSchema),
});
