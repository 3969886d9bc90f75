import * as z from 'zod';

export const usageSchema = z.object({
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  /** Those of them that are kept for an hour, which costs more than five minutes. Not in runs of earlier versions. */
  cacheWriteHourTokens: z.number().optional(),
  /** Searches of the web that the API made, which it bills by number. */
  webSearches: z.number().optional(),
  /** Answered in fast mode, which has a price of its own. */
  fast: z.literal(true).optional(),
});

/** A reply of the Messages API, as it is kept. */
export const storedReplySchema = z.object({
  content: z.array(z.looseObject({ type: z.string() })),
  model: z.string().nullable(),
  stopReason: z.string().nullable(),
  usage: usageSchema,
  usageMissing: z.literal(true).optional(),
  requestId: z.string().nullable(),
});
export type StoredReply = z.infer<typeof storedReplySchema>;
