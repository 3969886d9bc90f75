import { cacheKeyOf } from '../api/cacheControl.ts';
import { blocksOf, type MessagesRequest, type RequestMessage } from '../api/messagesRequest.ts';
import type { PrefixMatch } from './prefixMatch.ts';

/** Parameters that stand in the cache's key beside tools, system prompt and messages. */
const keyParameters = ['model', 'thinking', 'output_config', 'tool_choice', 'speed'] as const;

/** What to say of the place where the equal part ends. */
export interface Ending {
  uuid: string | null;
  reason: string;
}

function messageKey(message: RequestMessage): string {
  return cacheKeyOf({ ...message, content: blocksOf(message) });
}

function textKey(system: MessagesRequest['system']): string {
  return cacheKeyOf(typeof system === 'string' ? [{ type: 'text', text: system }] : system);
}

function equalMessages(recorded: readonly RequestMessage[], sent: readonly RequestMessage[]): number {
  const most = Math.min(recorded.length, sent.length);
  for (let at = 0; at < most; at += 1) {
    const [one, other] = [recorded[at], sent[at]];
    if (one !== other && messageKey(one as RequestMessage) !== messageKey(other as RequestMessage)) return at;
  }
  return most;
}

const isMarked = (block: object): boolean => 'cache_control' in block && block.cache_control !== null;

/** Whether the recorded request wrote a cache entry for something within the equal part. */
function hasReadableEntry(recorded: MessagesRequest, match: Omit<PrefixMatch, 'cacheCanHit' | 'stopsAt'>): boolean {
  if (match.parameters.includes('model') || !match.tools) return false;
  const system = Array.isArray(recorded.system) ? recorded.system : [];
  if ((recorded.tools ?? []).some(isMarked)) return true;
  if (!match.system) return false;
  if (system.some(isMarked)) return true;
  if (match.parameters.length > 0) return false;
  return recorded.messages.slice(0, match.messages.equal).some((message) => blocksOf(message).some(isMarked));
}

/**
 * Compares a request with a recorded one, front to back as the prompt cache does.
 * @param ending says why the equal part ends at a message, by its index
 */
export function comparePrefix(
  recorded: { id: string | null; request: MessagesRequest },
  sent: MessagesRequest,
  ending: (message: number) => Ending,
): PrefixMatch {
  const before = recorded.request;
  const equal = equalMessages(before.messages, sent.messages);
  const total = sent.messages.length;
  const match = {
    requestId: recorded.id,
    messages: { equal, total },
    system: textKey(before.system) === textKey(sent.system),
    tools: cacheKeyOf(before.tools) === cacheKeyOf(sent.tools),
    parameters: keyParameters.filter((key) => cacheKeyOf(before[key]) !== cacheKeyOf(sent[key])),
  };
  const whole = equal === total && equal === before.messages.length;
  return {
    ...match,
    cacheCanHit: hasReadableEntry(before, match),
    stopsAt: earlierStop(match) ?? (whole ? null : { message: equal, ...ending(equal) }),
  };
}

/** What stands before the messages and differs, in the order of the cache's key. */
function earlierStop({ tools, system, parameters }: Pick<PrefixMatch, 'tools' | 'system' | 'parameters'>) {
  const at = (reason: string) => ({ message: null, uuid: null, reason });
  if (parameters.includes('model')) return at('another model');
  if (!tools) return at('other tools');
  if (!system) return at('another system prompt');
  return parameters.length > 0 ? at(`another ${parameters.map(parameterName).join(', another ')}`) : null;
}

function parameterName(key: string): string {
  return key === 'output_config' ? 'effort or output format' : key.replaceAll('_', ' ');
}

/** Where nothing was recorded that a request could begin like. */
export function noRecordedPrefix(sent: MessagesRequest, stop: Ending): PrefixMatch {
  return {
    requestId: null,
    messages: { equal: 0, total: sent.messages.length },
    system: false,
    tools: false,
    parameters: [],
    cacheCanHit: false,
    stopsAt: { message: 0, ...stop },
  };
}

/**
 * How much of a branch's request equals the recorded one: as much as the unchanged fork, as far as the branch changes nothing.
 * @param unchanged what the fork would send without the branch's changes, and how far that equals the recording
 * @param prompt uuid of what the branch's own prompt stands for
 */
export function branchPrefix(
  unchanged: { request: MessagesRequest; prefix: PrefixMatch },
  sent: MessagesRequest,
  prompt: string | null,
): PrefixMatch {
  const { prefix } = unchanged;
  const own = comparePrefix({ id: prefix.requestId, request: unchanged.request }, sent, () => ({
    uuid: prompt,
    reason: 'the branch’s own prompt',
  }));
  const equal = Math.min(prefix.messages.equal, own.messages.equal);
  const match = {
    requestId: prefix.requestId,
    messages: { equal, total: sent.messages.length },
    system: prefix.system && own.system,
    tools: prefix.tools && own.tools,
    parameters: [...new Set([...prefix.parameters, ...own.parameters])],
  };
  if (prefix.requestId === null) return { ...match, cacheCanHit: false, stopsAt: prefix.stopsAt };
  const changed = earlierStop(own);
  const branchStop = changed && { ...changed, reason: `${changed.reason}, chosen by the branch` };
  const later = own.messages.equal < prefix.messages.equal || prefix.stopsAt === null ? own.stopsAt : prefix.stopsAt;
  return {
    ...match,
    cacheCanHit: prefix.cacheCanHit && hasReadableEntry(unchanged.request, match),
    stopsAt: branchStop ?? later,
  };
}
