import type { Json } from '../canonicalJson.ts';
import { recordField, textField } from '../session/jsonRecord.ts';
import type { ChainNode } from '../session/messageChain.ts';
import { isSyntheticReply } from '../session/promptRules.ts';
import type { ContentBlock } from '../session/recordedSession.ts';
import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import type { RequestMessage } from './messagesRequest.ts';

/** A history that the API accepts, and what had to be made up or left out for that. */
export interface History {
  messages: RequestMessage[];
  missing: string[];
}

interface Draft {
  role: 'user' | 'assistant' | 'system';
  content: ContentBlock[];
}

/** Records for Claude Code's own use: nothing of them was ever sent. */
const neverSent = new Set(['prompt_snapshot', 'session_context', 'deferred_tools_record']);

/** Every string made well-formed: the API refuses lone surrogates. */
function wellFormed(value: Json): Json {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, wellFormed(member)]));
}

function renderedText(entry: TranscriptEntry): ContentBlock[] {
  const { rendered } = entry.record;
  if (!Array.isArray(rendered)) return [];
  return rendered.flatMap((part) => {
    const record = recordField({ part }, 'part');
    const text = textField(record, 'content') ?? textField(record, 'text');
    return text === null ? [] : { type: 'text', text };
  });
}

/** One record as a message, null where it was not sent. */
function draftOf(entry: TranscriptEntry): Draft | null {
  if (entry.type === 'attachment')
    return neverSent.has(entry.facts.subtype ?? '') ? null : { role: 'user', content: renderedText(entry) };
  if (entry.message === null || isSyntheticReply(entry) || entry.facts.apiError !== null) return null;
  return { role: entry.type === 'assistant' ? 'assistant' : 'user', content: entry.message.content };
}

function isUsable(block: ContentBlock): boolean {
  if (block.type === 'text') return typeof block.text === 'string' && block.text.trim() !== '';
  // A reply that was cut off in its thinking has no signature, and without one the API refuses the block.
  if (block.type === 'thinking') return typeof block.signature === 'string' && block.signature !== '';
  return true;
}

/** Joins neighbours of the same role and drops what holds nothing. */
function joined(drafts: readonly Draft[]): Draft[] {
  const messages: Draft[] = [];
  for (const { role, content } of drafts) {
    const usable = content.filter(isUsable);
    const previous = messages.at(-1);
    if (usable.length === 0) continue;
    if (previous?.role === role) previous.content = [...previous.content, ...usable];
    else messages.push({ role, content: usable });
  }
  return messages;
}

function callIds(message: Draft | undefined): string[] {
  if (message?.role !== 'assistant') return [];
  return message.content.flatMap((block) =>
    block.type === 'tool_use' && typeof block.id === 'string' ? [block.id] : [],
  );
}

/** Gives every tool call exactly one result, directly behind it, and drops results whose call is not there. */
function paired(messages: readonly Draft[]): { messages: Draft[]; invented: number } {
  const results = new Map<string, ContentBlock>();
  for (const block of messages.flatMap((message) => message.content)) {
    if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string' || results.has(block.tool_use_id))
      continue;
    results.set(block.tool_use_id, block);
  }
  const out: Draft[] = [];
  let invented = 0;
  for (const message of messages) {
    const rest = message.content.filter((block) => block.type !== 'tool_result');
    if (rest.length > 0) out.push({ role: message.role, content: rest });
    const ids = callIds(message);
    if (ids.length === 0) continue;
    const answers = ids.map((id): ContentBlock => {
      const recorded = results.get(id);
      if (recorded !== undefined) return recorded;
      invented += 1;
      return {
        type: 'tool_result',
        tool_use_id: id,
        is_error: true,
        content: 'No result was recorded for this tool call.',
      };
    });
    out.push({ role: 'user', content: answers });
  }
  return { messages: out, invented };
}

/**
 * Messages that the API accepts from records of a transcript: roles alternate, every tool call has its result, no text is
 * empty, every string is well-formed, and the first message is the user's.
 * @param before messages that are known already and stand first
 * @param nodes the records that follow them, in order
 */
export function historyMessages(before: readonly RequestMessage[], nodes: readonly ChainNode[]): History {
  const known = before.map(
    (message): Draft => ({
      role: message.role,
      content:
        typeof message.content === 'string'
          ? [{ type: 'text', text: message.content }]
          : (message.content as ContentBlock[]),
    }),
  );
  const added = nodes.flatMap((node) => draftOf(node.entry) ?? []);
  const { messages, invented } = paired(joined([...known, ...added]));
  const legal = joined(messages);
  const firstUser = legal.findIndex((message) => message.role === 'user');
  const missing: string[] = [];
  if (invented > 0)
    missing.push(invented === 1 ? 'the result of one tool call' : `the results of ${invented} tool calls`);
  const unrendered = nodes.some(
    ({ entry }) =>
      entry.type === 'attachment' && !neverSent.has(entry.facts.subtype ?? '') && renderedText(entry).length === 0,
  );
  if (unrendered) missing.push('context that Claude Code attached, such as files and reminders');
  return {
    messages: wellFormed(legal.slice(Math.max(firstUser, 0)) as unknown as Json) as unknown as RequestMessage[],
    missing,
  };
}
