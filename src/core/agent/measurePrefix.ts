import { cacheKeyOf } from '../api/cacheControl.ts';
import { blocksOf, type MessagesRequest, type RequestBlock, type RequestMessage } from '../api/messagesRequest.ts';
import type { MeasuredPrefix } from './agentFacts.ts';

/** What may be the reason of a difference. */
export interface Senders {
  /** Versions of Claude Code. */
  recorded: string | null;
  sent: string | null;
  /** The branch works at another path than the recorded one. */
  moved?: boolean;
}

/** A part of a request that is equal or not, and what is said where it is not. */
interface Segment {
  key: string;
  /** In words, as the subject of a sentence. */
  name: string;
  /** What it is made of, where two of them can be told apart more finely. */
  tool?: unknown;
}

/** Parts of one kind, in the order in which they are sent. */
interface Group {
  recorded: Segment[];
  sent: Segment[];
  /** Whether more of them than recorded belong to the prefix. */
  isWhole: boolean;
}

/**
 * How much of the request that a branch sent first equals the recorded one: tools, system prompt and history, part by part, front
 * to back as the prompt cache takes them. The prompt, and what Claude Code puts beside it, don't count.
 */
export function measurePrefix(recorded: MessagesRequest, sent: MessagesRequest, senders?: Senders): MeasuredPrefix {
  const groups = [
    { recorded: toolsOf(recorded), sent: toolsOf(sent), isWhole: true },
    { recorded: systemOf(recorded), sent: systemOf(sent), isWhole: true },
    historyOf(recorded.messages, sent.messages),
  ];
  const total = groups.reduce((sum, group) => sum + group.recorded.length, 0);
  let equal = 0;
  for (const group of groups) {
    const at = group.recorded.findIndex(({ key }, index) => key !== group.sent[index]?.key);
    if (at >= 0) {
      const reason = recorded.model === sent.model ? reasonOf(senders) : ': another model answers';
      return { equal: equal + at, total, stopsAt: difference(group, at, reason) };
    }
    equal += group.recorded.length;
    const surplus = group.isWhole ? group.sent[group.recorded.length] : undefined;
    // What comes behind it stands elsewhere, so none of it is equal.
    if (surplus !== undefined && equal < total) return { equal, total, stopsAt: `${surplus.name} was not recorded` };
  }
  return { equal, total, stopsAt: null };
}

function toolsOf({ tools }: MessagesRequest): Segment[] {
  return (tools ?? []).map((tool) => ({
    key: cacheKeyOf(tool),
    name: `the tool ${tool.name ?? 'without a name'}`,
    tool,
  }));
}

/** The billing line before the system prompt is set anew by every sender, and no log holds it. */
function systemOf({ system }: MessagesRequest): Segment[] {
  const blocks: readonly RequestBlock[] =
    typeof system === 'string' ? [{ type: 'text', text: system }] : (system ?? []);
  const own = blocks.filter(({ text }) => typeof text !== 'string' || !text.startsWith('x-anthropic-billing-header'));
  return own.map((block, at) => ({ key: cacheKeyOf(block), name: `part ${at + 1} of the system prompt` }));
}

/** Everything up to the last reply, and the results of its calls, which are sent in one message with the prompt. */
function historyOf(recorded: readonly RequestMessage[], sent: readonly RequestMessage[]): Group {
  const end = recorded.findLastIndex(({ role }) => role === 'assistant') + 1;
  const results = resultsIn(recorded[end]);
  const segmentsOf = (messages: readonly RequestMessage[]): Segment[] => {
    const whole = messages.slice(0, end).map((message, at) => ({
      key: cacheKeyOf({ ...message, content: blocksOf(message) }),
      name: `message ${at + 1} of the history (${message.role})`,
    }));
    const last = messages[end];
    if (results === 0 || last === undefined) return whole;
    const key = cacheKeyOf({ role: last.role, content: blocksOf(last).slice(0, results) });
    return [...whole, { key, name: `message ${end + 1} of the history (results of tools)` }];
  };
  return { recorded: segmentsOf(recorded), sent: segmentsOf(sent), isWhole: false };
}

/** How many blocks at a message's beginning are results of tools. */
function resultsIn(message: RequestMessage | undefined): number {
  const blocks = message === undefined ? [] : blocksOf(message);
  const rest = blocks.findIndex(({ type }) => type !== 'tool_result');
  return rest < 0 ? blocks.length : rest;
}

function difference({ recorded, sent }: Group, at: number, reason: string): string {
  const [before, now] = [recorded[at], sent[at]];
  if (before === undefined) return '';
  if (now === undefined) return `${before.name} was not sent`;
  const names = (segments: readonly Segment[]) => segments.map(({ name }) => name);
  if (before.name !== now.name && !names(recorded).includes(now.name)) return `${now.name} was not recorded`;
  if (before.name !== now.name && !names(sent).includes(before.name)) return `${before.name} was not sent`;
  if (before.name !== now.name) return `${before.name} stands elsewhere`;
  return `${before.name} differs${reason === '' ? singlePrompt(before, now) : reason}`;
}

function reasonOf(senders: Senders | undefined): string {
  const { recorded, sent, moved } = senders ?? { recorded: null, sent: null };
  if (recorded !== null && sent !== null && recorded !== sent)
    return `: it was recorded with Claude Code ${recorded}, and ${sent} answers`;
  return moved === true ? ': the branch works at another path' : '';
}

/**
 * Claude Code (2.1.329) names 600 s as the default limit of a command in the background to one `claude -p "…"`, and 1800 s where prompts
 * come over its stream protocol. No flag, setting or variable makes the second say the first.
 */
function singlePrompt(before: Segment, now: Segment): string {
  if (before.tool === undefined || numberless(before.tool) !== numberless(now.tool)) return '';
  return ': a single `claude -p` is told other time limits';
}

function numberless(tool: unknown): string {
  return cacheKeyOf(tool).replace(/\d+/g, '0');
}
