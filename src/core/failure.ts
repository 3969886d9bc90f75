import * as z from 'zod';

/** Why a branch failed, in words a person can act on. `code` is a `ForkpointError` code. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  details: z.unknown().optional(),
});
export type Failure = z.infer<typeof failureSchema>;
