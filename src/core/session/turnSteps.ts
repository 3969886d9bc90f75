import type { Json } from '../canonicalJson.ts';
import type { ChainNode } from './messageChain.ts';
import { apiErrorText, isSyntheticReply } from './promptRules.ts';
import { type ContentBlock, noUsage, type RecordedToolCall, type Step } from './recordedSession.ts';

/** A recorded tool result. */
export type ToolResult = NonNullable<RecordedToolCall['result']>;

/** Results by tool call id, from all user lines; where one was written twice, the first counts. */
export function toolResultsOf(nodes: readonly ChainNode[]): Map<string, ToolResult> {
  const results = new Map<string, ToolResult>();
  for (const { entry } of nodes) {
    if (entry.type !== 'user') continue;
    for (const block of entry.message?.content ?? []) {
      if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string' || results.has(block.tool_use_id))
        continue;
      results.set(block.tool_use_id, {
        uuid: entry.uuid,
        content: block.content ?? '',
        isError: block.is_error === true,
      });
    }
  }
  return results;
}

function toolCallOf(
  block: ContentBlock,
  uuid: string,
  results: ReadonlyMap<string, ToolResult>,
): RecordedToolCall | null {
  if (block.type !== 'tool_use' || typeof block.id !== 'string' || typeof block.name !== 'string') return null;
  const input: Json = block.input ?? {};
  return { id: block.id, name: block.name, input, uuid, result: results.get(block.id) ?? null };
}

function stepOf(index: number, lines: readonly ChainNode[], results: ReadonlyMap<string, ToolResult>): Step {
  const first = lines[0]?.entry;
  const last = lines.at(-1)?.entry;
  const content = lines.flatMap((line) => line.entry.message?.content ?? []);
  const error = lines.map((line) => apiErrorText(line.entry)).find((text) => text !== null) ?? null;
  const model = first?.message?.model ?? null;
  return {
    index,
    messageId: first?.message?.id ?? first?.uuid ?? '',
    uuids: lines.map((line) => line.entry.uuid),
    line: first?.line ?? 0,
    at: first?.timestamp ?? null,
    model: model === '<synthetic>' ? null : model,
    content,
    text: content
      .flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? [block.text] : []))
      .join('\n\n'),
    toolCalls: lines.flatMap((line) =>
      (line.entry.message?.content ?? []).flatMap((block) => toolCallOf(block, line.entry.uuid, results) ?? []),
    ),
    // Every line of a reply repeats its usage; the last one was written when the reply was complete.
    usage: last?.message?.usage ?? noUsage,
    stopReason: lines.findLast((line) => line.entry.message?.stopReason)?.entry.message?.stopReason ?? null,
    error,
  };
}

/**
 * The replies of a turn: lines that share a `message.id` are one reply.
 * @param nodes the turn's records in file order
 */
export function stepsOf(nodes: readonly ChainNode[], results: ReadonlyMap<string, ToolResult>): Step[] {
  const replies = new Map<string, ChainNode[]>();
  for (const node of nodes) {
    if (node.entry.type !== 'assistant' || isSyntheticReply(node.entry)) continue;
    const key = node.entry.message?.id ?? node.entry.uuid;
    const lines = replies.get(key);
    if (lines === undefined) replies.set(key, [node]);
    else lines.push(node);
  }
  return [...replies.values()].map((lines, index) => stepOf(index + 1, lines, results));
}
