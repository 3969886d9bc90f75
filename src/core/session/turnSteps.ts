import { noUsage } from '../api/usage.ts';
import type { Json } from '../canonicalJson.ts';
import { groupBy } from '../groupBy.ts';
import { recordField, textField } from './jsonRecord.ts';
import type { ChainNode } from './messageChain.ts';
import { isSyntheticReply } from './promptRules.ts';
import type { CallOutline, RecordedToolCall, Step, StepOutline } from './recordedSession.ts';

/** A record that holds a tool result. */
export interface ResultNode {
  node: ChainNode;
  isError: boolean;
}

/** The result of a call. @param line that the call stands in */
export type ResultOf = (id: string, line: ChainNode) => ResultNode | undefined;

/** The replies of a turn: lines that share a `message.id` are one reply. @param nodes the turn's records in file order */
function repliesOf(nodes: readonly ChainNode[]): ChainNode[][] {
  const lines = nodes.filter(({ entry }) => entry.type === 'assistant' && !isSyntheticReply(entry));
  return [...groupBy(lines, ({ entry }) => entry.facts.messageId ?? entry.uuid).values()];
}

function callOutline(call: { id: string; name: string }, line: ChainNode, resultOf: ResultOf): CallOutline {
  const result = resultOf(call.id, line);
  return {
    id: call.id,
    name: call.name,
    uuid: line.entry.uuid,
    result: result === undefined ? null : { uuid: result.node.entry.uuid, isError: result.isError },
  };
}

function outlineOf(index: number, lines: readonly ChainNode[], resultOf: ResultOf): StepOutline {
  const first = lines[0]?.entry;
  const last = lines.at(-1)?.entry;
  const model = first?.facts.model ?? null;
  return {
    index,
    messageId: first?.facts.messageId ?? first?.uuid ?? '',
    uuids: lines.map((line) => line.entry.uuid),
    line: first?.line ?? 0,
    at: first?.timestamp ?? null,
    model: model === '<synthetic>' ? null : model,
    effort: first?.facts.effort ?? null,
    toolCalls: lines.flatMap((line) => line.entry.facts.toolUses.map((call) => callOutline(call, line, resultOf))),
    // Every line of a reply repeats its usage; the last one was written when the reply was complete.
    usage: last?.facts.usage ?? noUsage,
    stopReason: lines.findLast(({ entry }) => entry.facts.stopReason)?.entry.facts.stopReason ?? null,
    error: lines.map(({ entry }) => entry.facts.apiError).find((text) => text !== null) ?? null,
  };
}

/** The steps of a turn without their contents. @param nodes the turn's records in file order */
export function stepOutlinesOf(nodes: readonly ChainNode[], resultOf: ResultOf): StepOutline[] {
  return repliesOf(nodes).map((lines, index) => outlineOf(index + 1, lines, resultOf));
}

const savedTo = /^<persisted-output>\s[^\n]*saved to: ([^\n]+)/;

/** Where the whole output lies, for a result that holds its beginning only. */
function spilledPath(content: Json, node: ChainNode): string | null {
  const first = Array.isArray(content) ? recordField({ block: content[0] ?? null }, 'block')?.text : content;
  const path = typeof first === 'string' ? savedTo.exec(first)?.[1] : undefined;
  if (path === undefined) return null;
  return textField(recordField(node.entry.record, 'toolUseResult'), 'persistedOutputPath') ?? path.trim();
}

/** What a tool answered, as it stands in the recording. */
function wholeResult(
  outline: CallOutline,
  lines: readonly ChainNode[],
  resultOf: ResultOf,
): RecordedToolCall['result'] {
  const line = lines.find(({ entry }) => entry.uuid === outline.uuid);
  const node = line && resultOf(outline.id, line)?.node;
  if (outline.result === null || node === undefined) return null;
  const blocks = node.entry.message?.content ?? [];
  const block = blocks.find(({ type, tool_use_id }) => type === 'tool_result' && tool_use_id === outline.id);
  const content = block?.content ?? '';
  const path = spilledPath(content, node);
  return { ...outline.result, content, ...(path === null ? {} : { spilled: { path, text: null } }) };
}

function wholeStep(outline: StepOutline, lines: readonly ChainNode[], resultOf: ResultOf): Step {
  const content = lines.flatMap(({ entry }) => entry.message?.content ?? []);
  // Calls that share an id take their inputs in their order.
  const inputs = groupBy(
    content.filter(({ type }) => type === 'tool_use'),
    ({ id }) => id,
  );
  return {
    ...outline,
    content,
    text: content
      .flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? [block.text] : []))
      .join('\n\n'),
    toolCalls: outline.toolCalls.map(
      (call): RecordedToolCall => ({
        ...call,
        input: inputs.get(call.id)?.shift()?.input ?? {},
        result: wholeResult(call, lines, resultOf),
      }),
    ),
  };
}

/** The steps of a turn with their contents, which may be read from disk for it. */
export function stepsOf(nodes: readonly ChainNode[], resultOf: ResultOf): Step[] {
  return repliesOf(nodes).map((lines, index) => wholeStep(outlineOf(index + 1, lines, resultOf), lines, resultOf));
}
