import * as z from 'zod';
import type { CompletedCall } from './pairCalls.ts';
import type { PrefixMatch } from './prefixMatch.ts';

/**
 * Body of a Messages API request, kept open: recordings hold fields that are newer than any SDK, and they must go out
 * as they came. Only what we read or change is named.
 */
export const messageSchema = z.looseObject({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
});
export type RequestMessage = z.infer<typeof messageSchema>;
export type RequestBlock = Exclude<RequestMessage['content'], string>[number];

export const systemSchema = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]);
export const toolsSchema = z.array(z.looseObject({ name: z.string().optional() }));

export const messagesRequestSchema = z.looseObject({
  model: z.string().min(1),
  max_tokens: z.int().positive(),
  system: systemSchema.optional(),
  tools: toolsSchema.optional(),
  messages: z.array(messageSchema),
});
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

export const fidelitySchema = z.enum(['exact', 'reconstructed']);
export type Fidelity = z.infer<typeof fidelitySchema>;

/** What an unchanged fork sends, and how well it is known. */
export interface RebuiltRequest {
  /** `exact` only where the rebuilt request's digest equals the recorded one and nothing was withheld. */
  fidelity: Fidelity;
  digestVerified: boolean;
  /** What of the recorded context could not be rebuilt, in words for a person. Empty where `exact`. */
  missing: string[];
  /** Body without `betas` and `stream`. Message contents are arrays of blocks. */
  request: MessagesRequest;
  /** Values of the `anthropic-beta` header. */
  betas: string[];
  /** Where the prompt's text stands in `request.messages`, null where the fork adds no prompt. */
  promptAt: { message: number; block: number } | null;
  /** Results that were made up, because the API wants one for every tool call. Empty where the history needs none. */
  completed: CompletedCall[];
  /** How much of it equals a request that was recorded. */
  prefix: PrefixMatch;
  /** Tokens of the whole input as the API counted them for the recorded request, null where not recorded. */
  inputTokens: number | null;
}

/** A message's content as blocks. */
export function blocksOf(message: RequestMessage): readonly RequestBlock[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
}
