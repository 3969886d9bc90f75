// src/core/api: the Messages API: requests, replies, what it refuses, what its models can do. Nothing that Claude
// Code records comes in.

import * as z from 'zod';

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

/** A message's content as blocks. */
export function blocksOf(message: RequestMessage): readonly RequestBlock[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
}
