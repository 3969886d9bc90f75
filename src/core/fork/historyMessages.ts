import { blocksOf, type RequestMessage } from '../api/messagesRequest.ts';
import { isServerCall, isServerResult } from '../api/serverTools.ts';
import { isThinking } from '../api/thinkingBlocks.ts';
import type { Json } from '../canonicalJson.ts';
import { recordField, textField } from '../session/jsonRecord.ts';
import type { ChainNode } from '../session/messageChain.ts';
import type { ContentBlock } from '../session/recordedSession.ts';
import type { TranscriptEntry } from '../session/transcriptEntry.ts';
import type { MessageDraft } from './messageDraft.ts';
import { ownCallIds, withOwnIds } from './ownCallIds.ts';
import { type CompletedCall, callOf, Pairing, withUniqueCalls } from './pairCalls.ts';
import { withPairedServerTools } from './pairServerTools.ts';

/** A legal history, and what was added or left out to make it one. */
export interface History {
  messages: RequestMessage[];
  missing: string[];
  completed: CompletedCall[];
}

/** Records for Claude Code's own use: nothing of them was ever sent. */
const neverSent = new Set(['prompt_snapshot', 'session_context', 'deferred_tools_record']);

/** Every string made well-formed: the API refuses lone surrogates. */
export function wellFormed(value: Json): Json {
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

/** What was typed during a turn, as Claude Code passed it on in the versions that don't record how. */
function absorbedBlocks(record: TranscriptEntry['record']): ContentBlock[] {
  const prompt = recordField(record, 'attachment')?.prompt ?? '';
  const blocks = (Array.isArray(prompt) ? prompt : [{ type: 'text', text: prompt }]) as ContentBlock[];
  const typed = blocks.flatMap((block) => (block.type === 'text' ? textOf(block) : [])).join('\n');
  const isOld = /^[01]\.|^2\.0\./.test(textField(record, 'version') ?? '');
  const said = isOld
    ? `The user sent the following message:\n${typed}\n\nPlease address this message and continue with your tasks.`
    : `The user sent a new message while you were working:\n${typed}\n\nIMPORTANT: After completing your current task, you MUST address the user's message above. Do not ignore it.`;
  const text = `<system-reminder>\n${said}\n</system-reminder>`;
  return [{ type: 'text', text }, ...blocks.filter(({ type }) => type === 'image')];
}

/** One record as a message, null where it was not sent. */
function draftOf(entry: TranscriptEntry, hasSeam: boolean): MessageDraft | null {
  if (entry.type === 'attachment') {
    if (neverSent.has(entry.facts.subtype ?? '')) return null;
    const role = entry.record.renderedRole === 'system' ? 'system' : 'user';
    const content = renderedText(entry);
    // Nothing but the results of a reply's calls can stand before what was typed while it worked.
    if (content.length === 0 && entry.facts.absorbed !== null)
      return { role: 'user', content: absorbedBlocks(entry.record), isAside: false, hasSeam };
    return { role, content, isAside: true, hasSeam };
  }
  // What Claude Code wrote in a model's stead ("No response requested.") is sent once the session goes on, errors are not.
  if (entry.message === null || entry.facts.apiError !== null) return null;
  const role = entry.type === 'assistant' ? 'assistant' : 'user';
  return { role, content: entry.message.content, isAside: false, hasSeam };
}

function isUsable(block: ContentBlock): boolean {
  if (block.type === 'text') return typeof block.text === 'string' && block.text.trim() !== '';
  // A reply that was cut off in its thinking has no signature, and without one the API refuses the block.
  if (block.type === 'thinking') return typeof block.signature === 'string' && block.signature !== '';
  if (block.type === 'tool_use') return callOf(block) !== null && recordField(block, 'input') !== null;
  return true;
}

/** What the API takes in blocks that every transcript holds; of others nobody knows what is stray. */
const members: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    text: ['text', 'citations'],
    thinking: ['thinking', 'signature'],
    redacted_thinking: ['data'],
    tool_use: ['id', 'name', 'input', 'caller'],
    tool_result: ['tool_use_id', 'content', 'is_error'],
  }).map(([type, names]) => [type, new Set(['type', 'cache_control', ...names])]),
);

/** The block without what programs between Claude Code and the API have added to it. */
function withoutStrays(block: ContentBlock): ContentBlock {
  const known = members.get(block.type);
  const isStray = ([name, value]: [string, Json]) =>
    known?.has(name) === false ||
    (name === 'citations' && value === null) ||
    (name === 'caller' && recordField(block, 'caller')?.type === 'direct');
  if (known === undefined || !Object.entries(block).some(isStray)) return block;
  return Object.fromEntries(Object.entries(block).filter((member) => !isStray(member))) as ContentBlock;
}

const onlyModel = new Set(['tool_use', 'thinking', 'redacted_thinking']);
const onlyPerson = new Set(['tool_result', 'image', 'document']);

/** What of a message can be sent in its role; null where nothing can. */
function usable(draft: MessageDraft): MessageDraft | null {
  const foreign = draft.role === 'user' ? onlyModel : onlyPerson;
  const content = draft.content.filter((block) => isUsable(block) && !foreign.has(block.type)).map(withoutStrays);
  return content.length === 0 ? null : { ...draft, content };
}

/** A recorded prompt in the form that the API takes; null where nothing of it can be sent. */
export function sendablePrompt(content: readonly ContentBlock[]): ContentBlock[] | null {
  const prompt = usable({ role: 'user', content: [...content], isAside: false, hasSeam: false });
  return prompt === null ? null : (wellFormed(prompt.content as unknown as Json) as unknown as ContentBlock[]);
}

/** Joins the lines of replies, and everything between two replies as Claude Code does. */
function joined(drafts: readonly MessageDraft[]): MessageDraft[] {
  const messages: MessageDraft[] = [];
  let between: MessageDraft[] = [];
  for (const draft of drafts.flatMap((each) => usable(each) ?? [])) {
    const previous = messages.at(-1);
    if (draft.role !== 'assistant') between.push(draft);
    else if (between.length === 0 && previous?.role === 'assistant')
      previous.content = [...previous.content, ...draft.content];
    else {
      messages.push(...heard(between), { ...draft });
      between = [];
    }
  }
  return [...messages, ...heard(between)];
}

/** One message of the user, with what stands beside it in front, and at most one system message behind it. */
function heard(between: readonly MessageDraft[]): MessageDraft[] {
  const user = between.filter(({ role }) => role === 'user');
  const system = between.filter(({ role }) => role === 'system');
  const texts = system.flatMap(({ content }) => content);
  const said = [...user.filter(({ isAside }) => isAside), ...user.filter(({ isAside }) => !isAside)];
  // A system message must follow one of the user; alone it is what it was before there were system messages.
  const content = said.length === 0 ? texts : said.reduce(withSeam, [] as ContentBlock[]);
  if (content.length === 0) return [];
  const message: MessageDraft = {
    role: 'user',
    content,
    isAside: user.every(({ isAside }) => isAside),
    hasSeam: false,
  };
  if (said.length === 0 || texts.length === 0) return [message];
  const text = texts.map((block) => withoutReminderTag(textOf(block))).join('\n\n');
  return [message, { role: 'system', content: [{ type: 'text', text }], isAside: true, hasSeam: false }];
}

function textOf(block: ContentBlock): string {
  return typeof block.text === 'string' ? block.text : '';
}

/** Puts a message behind another: since the versions that record what they attach, a line break parts texts. */
function withSeam(before: ContentBlock[], { content, hasSeam }: MessageDraft): ContentBlock[] {
  const last = before.at(-1);
  if (!hasSeam || last?.type !== 'text' || content[0]?.type !== 'text' || textOf(last).endsWith('\n'))
    return [...before, ...content];
  return [...before.slice(0, -1), { ...last, text: `${textOf(last)}\n` }, ...content];
}

/** Text of a system message stands in it without the tag that marks it in a message of the user. */
function withoutReminderTag(text: string): string {
  return /^<system-reminder>\n([\s\S]*)\n<\/system-reminder>\n?$/.exec(text)?.[1] ?? text;
}

/** Takes thinking off the end of replies: one that was stopped behind its thinking is refused. */
function withoutLastThinking(messages: readonly MessageDraft[]): MessageDraft[] {
  return messages.map((message) => {
    if (message.role !== 'assistant') return message;
    const last = message.content.findLastIndex((block) => !isThinking(block));
    return { ...message, content: message.content.slice(0, last + 1) };
  });
}

/** What of the records had to be left out or made up, in words. */
function missingOf(nodes: readonly ChainNode[], drafts: readonly MessageDraft[], completed: number): string[] {
  const missing: string[] = [];
  if (completed > 0)
    missing.push(completed === 1 ? 'the result of one tool call' : `the results of ${completed} tool calls`);
  const blocks = drafts.flatMap(({ content }) => content);
  if (blocks.some((block) => block.type === 'thinking' && !isUsable(block)))
    missing.push('thinking that was cut off before it was signed');
  if (blocks.some((block) => block.type === 'tool_use' && !isUsable(block)))
    missing.push('tool calls that are damaged in the recording');
  const unrendered = nodes.some(
    ({ entry }) =>
      entry.type === 'attachment' &&
      entry.facts.absorbed === null &&
      !neverSent.has(entry.facts.subtype ?? '') &&
      renderedText(entry).length === 0,
  );
  if (unrendered) missing.push(attachedContext);
  if (nodes.some(({ entry }) => entry.facts.subtype === 'microcompact_boundary')) missing.push(clearedResults);
  return missing;
}

function missingServerTools(before: readonly MessageDraft[], after: readonly MessageDraft[]): string[] {
  const count = (messages: readonly MessageDraft[]): number =>
    messages.flatMap(({ content }) => content).filter((block) => isServerCall(block) || isServerResult(block)).length;
  return count(before) > count(after) ? ['calls and results of server tools that have no counterpart'] : [];
}

/** Claude Code takes old results out of the history to save room, and notes only which. */
const clearedResults = 'that results of tools were cleared to save room: here they go out whole';

/** What older versions sent along without recording it. */
export const attachedContext = 'context that Claude Code attached, such as files and reminders';

/** Puts what was said behind the known messages. Where no reply begins it, it belongs to what they end with. */
function goOn(before: readonly RequestMessage[], said: readonly MessageDraft[]): RequestMessage[] {
  const isReply = said[0]?.role === 'assistant';
  const kept = isReply ? before.length : before.findLastIndex(({ role }) => role === 'assistant') + 1;
  const open = before.slice(kept).map(
    (message): MessageDraft => ({
      role: message.role,
      content: [...blocksOf(message)] as ContentBlock[],
      isAside: message.role === 'system',
      hasSeam: false,
    }),
  );
  const added = joined([...open, ...said]).map(({ role, content }) => ({ role, content }));
  return [...before.slice(0, kept), ...(wellFormed(added as unknown as Json) as unknown as RequestMessage[])];
}

/**
 * Messages that the API accepts from records of a transcript: roles alternate, every tool call has its result, no text is
 * empty, every string is well-formed, and the first message is the user's.
 * @param before messages that were sent and stand first; a reply follows them, else their last ones are taken apart
 * @param nodes the records that follow them, in order
 */
export function historyMessages(before: readonly RequestMessage[], nodes: readonly ChainNode[]): History {
  const hasSeams = nodes.some(({ entry }) => entry.type === 'attachment' && entry.record.rendered !== undefined);
  const own = ownCallIds(nodes);
  const drafts = nodes.flatMap((node) => {
    const draft = draftOf(node.entry, hasSeams);
    return draft === null ? [] : { ...draft, content: withOwnIds(node, draft.content, own) };
  });
  const heardAll = joined(drafts);
  let said = joined(withPairedServerTools(heardAll, before));
  const missing = missingServerTools(heardAll, said);
  for (;;) {
    // In this order: without the call that follows it, thinking is a reply's end.
    const once = joined(withoutLastThinking(withUniqueCalls(said, before)));
    const pairing = new Pairing(once);
    const legal = joined(pairing.of(once));
    if (before.length > 0 || legal[0]?.role !== 'assistant') {
      const { completed } = pairing;
      return {
        messages: goOn(before, legal),
        missing: [...missingOf(nodes, drafts, completed.length), ...missing],
        completed,
      };
    }
    // What the recording begins with answers something that it does not hold.
    said = said.slice(said.findIndex(({ role }) => role === 'assistant') + 1);
  }
}
