import * as z from 'zod';

/** How long answers are kept for other runs, and how many of them. */
export const cacheLimitsSchema = z.object({ maxAgeMs: z.number().positive(), maxBytes: z.number().nonnegative() });
export type CacheLimits = z.infer<typeof cacheLimitsSchema>;
