import { blocksOf, type MessagesRequest, type RequestBlock } from '../api/messagesRequest.ts';
import { isThinking } from '../api/thinkingBlocks.ts';
import type { Usage } from '../api/usage.ts';
import { tokenCount } from '../format.ts';
import type { ChainNode } from '../session/messageChain.ts';

/*
 * A check of a rebuilt request against the recording itself: the API has counted what was sent. It finds what nobody thought of,
 * a history that lacks a part or holds one too much.
 */

/** How large a request was, and how large one is that was rebuilt, in tokens. */
export interface SizeDifference {
  recorded: number;
  rebuilt: number;
}

/** English and code. */
const charactersPerToken = 3.7;
const tokensPerForeignCharacter = 0.8;
/** What the API counts for one that fits its limits, at most. */
const tokensPerImage = 1600;
/** System prompt and tools with many servers, where no request was logged. */
const maxUnseen = 60_000;
/** What Claude Code attaches to one prompt without a trace in the transcript, and less than this is not worth a word. */
const unrecorded = 5000;
/** Files that Claude Code reads once more behind a compaction. */
const restoredFiles = 50_000;

function tokensOfText(text: string): number {
  let foreign = 0;
  for (let at = 0; at < text.length; at += 1) if (text.charCodeAt(at) > 127) foreign += 1;
  return (text.length - foreign) / charactersPerToken + foreign * tokensPerForeignCharacter;
}

/** Tokens of any value, about: its texts, and what holds them together. */
function tokensOf(value: unknown): number {
  if (typeof value === 'string') return tokensOfText(value);
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + tokensOf(item), 0);
  if (value === null || typeof value !== 'object') return 1;
  const { type } = value as { type?: unknown };
  if (type === 'image') return tokensPerImage;
  return Object.entries(value).reduce((sum, [key, member]) => sum + 2 + key.length / 8 + tokensOf(member), 0);
}

/** Blocks of which the API counts more or less than they are long. */
function isUncountable({ type }: Pick<RequestBlock, 'type'>): boolean {
  return type === 'document' || type.startsWith('server_') || type.endsWith('_tool_result') || type === 'compaction';
}

function totalOf(usage: Usage | null): number {
  return usage === null ? 0 : usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** The last reply of a history whose request was counted, with the records behind it. */
function countedReply(
  nodes: readonly ChainNode[],
  after: number,
): { usage: Usage; at: number; model: string | null } | null {
  const at = nodes.findLastIndex(({ entry, order }) => order > after && totalOf(entry.facts.usage) > 0);
  const facts = nodes[at]?.entry.facts;
  return facts?.usage == null ? null : { usage: facts.usage, at, model: facts.model };
}

/** Tokens of thinking that may have been sent with the last counted request and were left out of the next one, at most. */
function droppedThinking(nodes: readonly ChainNode[]): number {
  const replies = new Map<string, number>();
  for (const { entry } of nodes) {
    const { messageId, blocks, usage } = entry.facts;
    if (messageId !== null && blocks.some((type) => isThinking({ type })))
      replies.set(messageId, usage?.outputTokens ?? 0);
  }
  return [...replies.values()].reduce((sum, tokens) => sum + tokens, 0);
}

/** What a rebuilt request is to be compared with. */
export interface SizeCheck {
  request: MessagesRequest;
  /** Records of the history, in the order in which they are sent. */
  nodes: readonly ChainNode[];
  /** The compaction that the history begins behind. */
  boundary: ChainNode | null;
  /** The reply to the recorded request. */
  reply: readonly ChainNode[];
}

/** The difference from the reply before: two requests of one conversation differ by little, and that is known well. */
function fromReplyBefore({ nodes, boundary, reply }: SizeCheck, recorded: number): SizeDifference | null {
  const before = countedReply(nodes, boundary?.order ?? -1);
  if (before === null || before.model !== (reply[0]?.entry.facts.model ?? null)) return null;
  const added = nodes.slice(before.at + 1);
  const said = added.reduce((sum, { entry }) => sum + tokensOf(entry.message?.content ?? []), 0);
  const attached = added.reduce(
    (sum, { entry }) =>
      sum + (entry.type === 'attachment' ? tokensOf(entry.record.rendered ?? entry.record.attachment) : 0),
    0,
  );
  const start = totalOf(before.usage);
  const expected = start + before.usage.outputTokens + said;
  const most = start * 1.03 + before.usage.outputTokens * 1.2 + said * 2 + attached * 2 + unrecorded;
  const least = start * 0.97 + said * 0.5 - droppedThinking(nodes) - unrecorded;
  return recorded > most || recorded < least ? { recorded, rebuilt: Math.round(expected) } : null;
}

/** The difference by length alone. */
function fromLength({ request, boundary }: SizeCheck, recorded: number): SizeDifference | null {
  const { system, tools, messages } = request;
  const content = messages.flatMap((message) => blocksOf(message).filter((block) => !isThinking(block)));
  const rebuilt = tokensOf(content) + tokensOf(system ?? []) + tokensOf(tools ?? []);
  const unseen = (system === undefined ? maxUnseen : unrecorded) + (boundary === null ? 0 : restoredFiles);
  return recorded > rebuilt * 2 + unseen || recorded < rebuilt * 0.5 - unrecorded
    ? { recorded, rebuilt: Math.round(rebuilt) }
    : null;
}

/**
 * Compares a rebuilt request with the number of tokens that the API counted for the recorded one.
 * @returns null where they agree as far as lengths can tell
 */
export function sizeDifference(check: SizeCheck): SizeDifference | null {
  const recorded = totalOf(check.reply.at(-1)?.entry.facts.usage ?? null);
  const isCountable = check.request.messages.every((message) => !blocksOf(message).some(isUncountable));
  if (
    recorded === 0 ||
    !isCountable ||
    check.reply.some(({ entry }) => entry.facts.blocks.some((type) => isUncountable({ type })))
  )
    return null;
  return fromReplyBefore(check, recorded) ?? fromLength(check, recorded);
}

const opening = 'the recorded request was about';

/** The difference, as it is named among what is missing. */
export function sizeText({ recorded, rebuilt }: SizeDifference): string {
  return `${opening} ${tokenCount(recorded)} tokens, this one is about ${tokenCount(rebuilt)}`;
}

/** What a person should know of it before a fork is paid for; null where nothing of this kind is missing. */
export function sizeWarning(missing: readonly string[]): string | null {
  const text = missing.find((each) => each.startsWith(opening));
  if (text === undefined) return null;
  return `Look at the request before you run it: ${text}. The model may get another conversation than the recorded one.`;
}
