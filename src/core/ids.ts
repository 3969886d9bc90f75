import * as z from 'zod';

/** Id of a recorded session: the file name of its transcript without `.jsonl`. */
export const sessionIdSchema = z.string().min(1).brand<'SessionId'>();
export type SessionId = z.infer<typeof sessionIdSchema>;

/** Id of a turn: the `uuid` of its prompt's line in the recording. */
export const turnIdSchema = z.string().min(1).brand<'TurnId'>();
export type TurnId = z.infer<typeof turnIdSchema>;

// Run and branch ids become file names and workflow ids, so their alphabet is narrow.
const safeName = /^[a-z0-9][a-z0-9-]*$/;

/** Id of one dispatch of a fork or a replay, for example `r-20261120-101500-k3f9ab`. */
export const runIdSchema = z.string().max(80).regex(safeName).brand<'RunId'>();
export type RunId = z.infer<typeof runIdSchema>;

/** Id of one branch inside its run, for example `b2-1` (second row, first repeat). */
export const branchIdSchema = z.string().max(80).regex(safeName).brand<'BranchId'>();
export type BranchId = z.infer<typeof branchIdSchema>;

/** Reference to content in the blob store: the SHA-256 of its bytes in lower-case hex. */
export const blobRefSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand<'BlobRef'>();
export type BlobRef = z.infer<typeof blobRefSchema>;
