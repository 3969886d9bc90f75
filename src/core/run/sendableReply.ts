import { isBlank } from '../api/isBlank.ts';
import { blocksOf, type MessagesRequest } from '../api/messagesRequest.ts';
import { hasServerId, isServerCall, isServerResult } from '../api/serverTools.ts';
import type { StoredReply } from '../api/storedReply.ts';
import { bindsThinking, isThinking } from '../api/thinkingBlocks.ts';
import type { Json } from '../canonicalJson.ts';
import { wellFormed } from '../fork/historyMessages.ts';
import { freeId } from '../fork/pairCalls.ts';
import { listed, oneLine } from '../format.ts';

type Block = StoredReply['content'][number];

/** A reply in a form that the API takes back. */
export interface SendableReply {
  /** Empty where nothing of it can be sent. */
  content: Block[];
  /** Id of each tool call as it is sent, in order. */
  callIds: string[];
  /** What was changed for that, in words. */
  mended: string[];
}

/** Blocks of a reply that can stand in a request: https://platform.claude.com/docs/en/api/messages */
const known = /^(?:text|thinking|redacted_thinking|tool_use|container_upload|compaction|fallback|mcp_tool_listing)$/;

/**
 * Brings a reply into a form in which it can stand in the next request: without blocks that the API refuses, and with call ids
 * that are unique in the conversation. What it says is not touched.
 * @param request the request that was answered
 * @param isPaused whether the model is to go on with this very reply
 */
export function sendableReply(reply: StoredReply, request: MessagesRequest, isPaused: boolean): SendableReply {
  const mended = new Set<string>();
  const serverCalls = pairedServerCalls(reply.content, request, isPaused);
  const dropped = reply.content.map((block) => faultOf(block, serverCalls));
  const first = dropped.findIndex((fault) => fault !== null);
  const end = reply.content.findLastIndex((block, at) => dropped[at] === null && !isThinking(block));
  const content = reply.content.filter((block, at) => {
    let fault = dropped[at] ?? null;
    if (fault === null && isThinking(block)) {
      if (at > end) fault = 'thinking that nothing follows';
      // Thinking is taken only behind the very blocks that it was thought behind.
      else if (first >= 0 && at > first && bindsThinking(request)) fault = 'thinking behind what was left out';
    }
    if (fault !== null) mended.add(`${fault} was left out`);
    return fault === null;
  });
  const unique = withUniqueIds(content, request, mended);
  const trimmed = isPaused ? withoutSpaceAtEnd(unique.content, mended) : unique.content;
  return { content: wellFormed(trimmed as Json) as Block[], callIds: unique.callIds, mended: [...mended] };
}

/** Why a block can't be sent back, in words; null where it can. */
function faultOf(block: Block, serverCalls: ReadonlySet<unknown>): string | null {
  const { type } = block;
  if (isServerCall(block)) return serverCalls.has(block['id']) ? null : 'a call of a server tool without its result';
  if (isServerResult(block))
    return serverCalls.has(block['tool_use_id']) ? null : 'a result of a server tool without its call';
  if (!known.test(type)) return `a block of the unknown kind “${type}”`;
  if (type === 'text' && isBlank(block['text'])) return 'an empty text block';
  if (type === 'thinking' && (isBlank(block['signature']) || typeof block['thinking'] !== 'string'))
    return 'thinking without its signature';
  if (type === 'redacted_thinking' && isBlank(block['data'])) return 'redacted thinking without its data';
  return null;
}

/** Ids of server tools' calls that may stand in the conversation, those of earlier replies included. */
function pairedServerCalls(content: readonly Block[], request: MessagesRequest, isPaused: boolean): Set<unknown> {
  const answered = new Set(content.filter(isServerResult).map((block) => block['tool_use_id']));
  // A server tool that waits for a result of ours, or for its own turn, answers in a later reply.
  const goesOn = isPaused || content.some(({ type }) => type === 'tool_use');
  const own = content.filter((block) => isServerCall(block) && (goesOn || answered.has(block['id'])));
  const before = request.messages.flatMap((message) => blocksOf(message).filter(isServerCall));
  return new Set([...before, ...own.filter(hasServerId)].map((block) => block['id']));
}

function withUniqueIds(
  content: readonly Block[],
  request: MessagesRequest,
  mended: Set<string>,
): Pick<SendableReply, 'content' | 'callIds'> {
  const taken = new Set(
    request.messages.flatMap((message) =>
      blocksOf(message).flatMap((block) => (block.type === 'tool_use' ? [block['id']] : [])),
    ),
  );
  const callIds: string[] = [];
  const replaced: string[] = [];
  const renamed = content.map((block) => {
    if (block.type !== 'tool_use') return block;
    const given = typeof block['id'] === 'string' ? block['id'] : '';
    const id = freeId(given, taken);
    taken.add(id);
    callIds.push(id);
    if (id === block['id']) return block;
    replaced.push(`${given === '' ? 'none' : `“${oneLine(given, 40)}”`} by “${id}”`);
    return { ...block, id };
  });
  if (replaced.length > 0) {
    const [ids, were] = replaced.length === 1 ? ['the id of a tool call', 'was'] : ['ids of tool calls', 'were'];
    mended.add(`${ids}, missing, malformed or used twice, ${were} replaced (${listed(replaced, 'and')})`);
  }
  return { content: renamed, callIds };
}

/** The API goes on with no reply that ends with white space. */
function withoutSpaceAtEnd(content: Block[], mended: Set<string>): Block[] {
  const last = content.at(-1);
  const text = last?.type === 'text' ? String(last['text']) : '';
  if (last === undefined || text === text.trimEnd()) return content;
  mended.add('white space at its end was left out');
  return [...content.slice(0, -1), { ...last, text: text.trimEnd() }];
}
