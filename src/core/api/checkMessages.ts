import { checkImage } from './checkImage.ts';
import { isBlank } from './isBlank.ts';
import { blocksOf, type RequestBlock, type RequestMessage } from './messagesRequest.ts';
import type { Complain } from './requestRules.ts';
import { hasServerId, isServerCall, isServerResult } from './serverTools.ts';
import { isThinking } from './thinkingBlocks.ts';

/** Neighbouring messages of one role, which the API joins before it looks at them. */
interface Spoken {
  role: 'user' | 'assistant';
  blocks: { block: RequestBlock; path: string }[];
  /** Path of its first message. */
  path: string;
}

/** Blocks that only one of the two may say. */
const saidBy: ReadonlyMap<string, 'user' | 'assistant'> = new Map([
  ['tool_use', 'assistant'],
  ['server_tool_use', 'assistant'],
  ['mcp_tool_use', 'assistant'],
  ['thinking', 'assistant'],
  ['redacted_thinking', 'assistant'],
  ['tool_result', 'user'],
  ['image', 'user'],
  ['document', 'user'],
]);

/** Checks the order of roles and the pairing of calls and results. */
export function checkMessages(messages: readonly RequestMessage[], complain: Complain): void {
  if (messages.length === 0) return complain('no_messages', 'messages', 'There is no message at all.');
  messages.forEach((message, at) => checkMessage(message, at, messages, complain));
  checkImages(messages, complain);
  const spoken = joined(messages);
  if (messages[0]?.role !== 'user') complain('first_role', 'messages.0', 'The first message must be the user’s.');
  checkCallIds(spoken, complain);
  spoken.forEach((turn, at) => {
    if (turn.role === 'assistant') checkReply(turn, spoken[at + 1], complain);
    else checkAnswers(turn, spoken[at - 1], complain);
  });
  checkServerTools(spoken, complain);
  checkEnd(spoken.at(-1), complain);
}

function checkMessage(
  message: RequestMessage,
  at: number,
  messages: readonly RequestMessage[],
  complain: Complain,
): void {
  const path = `messages.${at}`;
  const blocks = blocksOf(message);
  if (!['user', 'assistant', 'system'].includes(message.role))
    complain('unknown_role', `${path}.role`, `“${String(message.role)}” is no role that the API knows.`);
  if (message.role === 'system') checkSystemPlace(message, at, messages, complain);
  else if (blocks.length === 0 && !(message.role === 'assistant' && at === messages.length - 1))
    complain('empty_message', path, 'The message is empty.');
  blocks.forEach((block, index) => {
    const place = `${path}.content.${index}`;
    checkBlock(block, place, complain);
    const owner = saidBy.get(block.type);
    if (owner !== undefined && owner !== message.role)
      complain('block_role', place, `A ${block.type} block can’t stand in a message of the role “${message.role}”.`);
  });
}

/** System messages inside the conversation follow what a person or a tool said, and a reply or nothing follows them. */
function checkSystemPlace(
  message: RequestMessage,
  at: number,
  messages: readonly RequestMessage[],
  complain: Complain,
): void {
  const before = messages[at - 1];
  const after = messages[at + 1];
  const last = before === undefined ? undefined : blocksOf(before).at(-1);
  const follows = before?.role === 'user' || (before?.role === 'assistant' && isServerCall(last ?? { type: '' }));
  if (!follows) complain('system_place', `messages.${at}`, 'A system message must follow a message of the user.');
  if (after !== undefined && after.role !== 'assistant')
    complain('system_place', `messages.${at}`, 'Only a reply can follow a system message.');
  // Without content it carries settings for the turn that it ends.
  if (blocksOf(message).length === 0 && message['output_config'] === undefined)
    complain('empty_message', `messages.${at}`, 'The message is empty.');
}

function checkBlock(block: RequestBlock, path: string, complain: Complain): void {
  if (block.type === 'text' && isBlank(block['text']))
    complain('empty_text', path, 'A text block must hold more than white space.');
  if (block.type === 'thinking' && (isBlank(block['signature']) || typeof block['thinking'] !== 'string'))
    complain('thinking_unsigned', path, 'A thinking block without its signature is refused.');
  if (block.type === 'redacted_thinking' && isBlank(block['data']))
    complain('thinking_unsigned', path, 'A redacted thinking block without its data is refused.');
  if (block.type === 'tool_use') checkCall(block, path, complain);
  if (block.type === 'tool_result') checkResult(block, path, complain);
}

function checkImages(messages: readonly RequestMessage[], complain: Complain): void {
  const images = messages.flatMap((message, at) =>
    blocksOf(message).flatMap((block, index) => imagesIn(block, `messages.${at}.content.${index}`)),
  );
  for (const { block, path } of images) checkImage(block, path, images.length, complain);
}

function imagesIn(block: RequestBlock, path: string): { block: RequestBlock; path: string }[] {
  if (block.type === 'image') return [{ block, path }];
  if (block.type !== 'tool_result' || !Array.isArray(block['content'])) return [];
  return (block['content'] as RequestBlock[]).flatMap((part, index) => imagesIn(part, `${path}.content.${index}`));
}

function checkCall(block: RequestBlock, path: string, complain: Complain): void {
  const { id, name, input } = block;
  if (typeof id !== 'string' || !/^[\w-]+$/.test(id))
    complain('call_shape', `${path}.id`, 'The id of the tool call is missing or has characters that the API refuses.');
  if (typeof name !== 'string' || !/^[\w-]{1,200}$/.test(name))
    complain('call_shape', `${path}.name`, 'The name of the called tool has characters that the API refuses.');
  if (input === null || typeof input !== 'object' || Array.isArray(input))
    complain('call_shape', `${path}.input`, 'The input of a tool call must be an object.');
}

function checkResult(block: RequestBlock, path: string, complain: Complain): void {
  const { content } = block;
  const parts = Array.isArray(content) ? (content as RequestBlock[]) : [];
  if (block['is_error'] === true && (typeof content === 'string' ? content === '' : parts.length === 0))
    complain('error_without_content', path, 'A tool result that is an error must say something.');
  parts.forEach((part, index) => {
    if (part.type === 'text' && part['text'] === '')
      complain('empty_text', `${path}.content.${index}`, 'A text block must not be empty.');
  });
}

/** The conversation as the API reads it: without system messages, neighbours of one role as one. */
function joined(messages: readonly RequestMessage[]): Spoken[] {
  const spoken: Spoken[] = [];
  messages.forEach((message, at) => {
    if (message.role !== 'user' && message.role !== 'assistant') return;
    const path = `messages.${at}`;
    const blocks = blocksOf(message).map((block, index) => ({ block, path: `${path}.content.${index}` }));
    const last = spoken.at(-1);
    if (last?.role === message.role) last.blocks.push(...blocks);
    else spoken.push({ role: message.role, blocks, path });
  });
  return spoken;
}

function checkCallIds(spoken: readonly Spoken[], complain: Complain): void {
  const seen = new Set<unknown>();
  for (const { block, path } of spoken.flatMap(({ blocks }) => blocks)) {
    if (block.type !== 'tool_use') continue;
    if (seen.has(block['id'])) complain('call_id_twice', path, 'Two tool calls have the same id.');
    seen.add(block['id']);
  }
}

function callIds(turn: Spoken | undefined): unknown[] {
  return (turn?.role === 'assistant' ? turn.blocks : []).flatMap(({ block }) =>
    block.type === 'tool_use' ? [block['id']] : [],
  );
}

function checkReply(reply: Spoken, answer: Spoken | undefined, complain: Complain): void {
  const last = reply.blocks.at(-1);
  if (last !== undefined && isThinking(last.block))
    complain('thinking_place', last.path, 'A reply can’t end with its thinking.');
  const answered = new Set(
    (answer?.blocks ?? []).flatMap(({ block }) => (block.type === 'tool_result' ? [block['tool_use_id']] : [])),
  );
  const open = callIds(reply).filter((id) => !answered.has(id));
  if (open.length > 0)
    complain('call_unanswered', reply.path, `The next message has no result for the tool call ${open.join(', ')}.`);
}

function checkAnswers(turn: Spoken, before: Spoken | undefined, complain: Complain): void {
  const asked = new Set(callIds(before));
  const answered = new Set<unknown>();
  let other = false;
  for (const { block, path } of turn.blocks) {
    if (block.type !== 'tool_result') {
      other = true;
      continue;
    }
    const id = block['tool_use_id'];
    if (!asked.has(id)) complain('result_without_call', path, 'The message before has no tool call of this result.');
    else if (answered.has(id)) complain('result_twice', path, 'The tool call has two results.');
    else if (other) complain('results_not_first', path, 'Tool results must stand before everything else in a message.');
    answered.add(id);
  }
}

/** Tools that run at the API answer in the reply that calls them, or in a later one where they wait for a result of ours. */
function checkServerTools(spoken: readonly Spoken[], complain: Complain): void {
  const called = new Set<unknown>();
  const answered = new Set(
    spoken.flatMap(({ blocks }) =>
      blocks.flatMap(({ block }) => (isServerResult(block) ? [block['tool_use_id']] : [])),
    ),
  );
  spoken.forEach(({ blocks }, at) => {
    const next = spoken[at + 1];
    const mayWait = at >= spoken.length - 2 && (next === undefined || next.blocks[0]?.block.type === 'tool_result');
    for (const { block, path } of blocks) {
      if (isServerResult(block) && !called.has(block['tool_use_id']))
        complain('server_result_without_call', path, 'No call of a server tool stands before this result.');
      if (!isServerCall(block)) continue;
      called.add(block['id']);
      if (!hasServerId(block))
        complain('server_call_id', `${path}.id`, 'The id of the server tool’s call is none that the API has given.');
      if (!mayWait && !answered.has(block['id']))
        complain('server_call_unanswered', path, 'The call of a server tool has no result.');
    }
  });
}

function checkEnd(last: Spoken | undefined, complain: Complain): void {
  const end = last?.role === 'assistant' ? last.blocks.at(-1) : undefined;
  if (end?.block.type === 'text' && /\s$/.test(String(end.block['text'])))
    complain('trailing_space', end.path, 'A reply that is to be continued can’t end with white space.');
}
