import { blocksOf, type RequestBlock, type RequestMessage } from '../api/messagesRequest.ts';
import { hasServerId, isServerCall, isServerResult } from '../api/serverTools.ts';
import type { MessageDraft } from './messageDraft.ts';

/**
 * Leaves out calls of such tools that have no result or an id that the API refuses, and results without a call: what a search that
 * was paused and never went on leaves, or a provider with ids of its own.
 * @param before messages that stand before these
 */
export function withPairedServerTools(
  messages: readonly MessageDraft[],
  before: readonly RequestMessage[],
): MessageDraft[] {
  const blocks = messages.flatMap(({ content }) => content) as RequestBlock[];
  const answered = new Set(blocks.filter(isServerResult).map((block) => block['tool_use_id']));
  const called = new Set<unknown>(
    before
      .flatMap(blocksOf)
      .filter(isServerCall)
      .map(({ id }) => id),
  );
  const isPaired = (block: RequestBlock): boolean => {
    if (isServerResult(block)) return called.has(block['tool_use_id']);
    if (!isServerCall(block)) return true;
    const isWhole = hasServerId(block) && answered.has(block['id']);
    if (isWhole) called.add(block['id']);
    return isWhole;
  };
  return messages.map((message) => ({
    ...message,
    content: message.content.filter((block) => isPaired(block as RequestBlock)),
  }));
}
