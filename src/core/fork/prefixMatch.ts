import * as z from 'zod';

/** How much of a request's beginning equals a request that was recorded, so that the prompt cache can serve it. */
export const prefixMatchSchema = z.object({
  /** Id of the recorded request that is compared with; null where none was recorded for this history. */
  requestId: z.string().nullable(),
  /** Leading messages that are equal, and all messages of the request. */
  messages: z.object({ equal: z.number(), total: z.number() }),
  system: z.boolean(),
  tools: z.boolean(),
  /** Names of the parameters that are part of the cache's key and differ, for example `model`. */
  parameters: z.array(z.string()),
  /** Whether a breakpoint of the recorded request lies within what is equal. The entry itself may have expired. */
  cacheCanHit: z.boolean(),
  /** Where the equal part ends; null where the whole request equals the recorded one. */
  stopsAt: z
    .object({
      /** Index in `messages` of the first message that differs; null where something before the messages does. */
      message: z.number().nullable(),
      /** The transcript line that it stands for, null where no single one does. */
      uuid: z.string().nullable(),
      reason: z.string(),
    })
    .nullable(),
});
export type PrefixMatch = z.infer<typeof prefixMatchSchema>;
