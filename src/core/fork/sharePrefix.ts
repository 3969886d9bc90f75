import { withoutCacheControl } from '../api/cacheControl.ts';
import { type Marked, markedBlocks, maxBreakpoints } from '../api/checkRequest.ts';
import { blocksOf, type MessagesRequest } from '../api/messagesRequest.ts';
import { isThinking } from '../api/thinkingBlocks.ts';
import { canonicalJson, type Json } from '../canonicalJson.ts';
import type { Sha256 } from '../sha256.ts';
import type { BranchRequest } from './branchRequest.ts';

/** The API caches no prefix below this many tokens (1,024; some models need 2,048 or 4,096). */
const smallestCachedPrefix = 1024;

/** Where branches share a prefix that is worth caching. */
export interface PrefixShare {
  cacheGroup: string | null;
  leads: boolean;
}

/**
 * Groups the branches whose requests agree up to the cut, and sees to it that the one that goes first writes a cache
 * entry that the others can read: where prompts differ, a breakpoint at the end of the shared part. A request that
 * changes nothing keeps its recorded breakpoints; it can still read an entry that a changed one wrote just before its own.
 * @param estimatedTokens size of the prefix, null where unknown (then nothing is grouped)
 */
export function sharePrefix(
  branches: readonly { built: BranchRequest; repeats: number }[],
  estimatedTokens: number | null,
  sha256: Sha256,
): PrefixShare[] {
  const alone: PrefixShare = { cacheGroup: null, leads: false };
  if (estimatedTokens === null || estimatedTokens < smallestCachedPrefix) return branches.map(() => alone);
  const groups = new Map<string, number[]>();
  branches.forEach(({ built }, index) => {
    const key = sha256(canonicalJson(prefixOf(built))).slice(0, 16);
    groups.set(key, [...(groups.get(key) ?? []), index]);
  });
  const shares: PrefixShare[] = branches.map(() => alone);
  for (const [key, members] of groups) {
    const requests = members.map((index) => branches[index]).filter((member) => member !== undefined);
    if (requests.reduce((sum, member) => sum + member.repeats, 0) < 2) continue;
    const first = canonicalJson(requests[0]?.built.stored.request);
    const allEqual = requests.every((member) => canonicalJson(member.built.stored.request) === first);
    const recordedOnly = allEqual && hasBreakpoint(requests[0]?.built.stored.request);
    if (!recordedOnly) {
      for (const { built } of requests)
        if (built.changes.length > 0 || !hasBreakpoint(built.stored.request)) addBreakpoint(built);
    }
    const leader = members.find((index) => allEqual || (branches[index]?.built.changes.length ?? 0) > 0) ?? members[0];
    for (const index of members) shares[index] = { cacheGroup: key, leads: index === leader };
  }
  return shares;
}

/** All that the API's cache key covers, up to the cut. */
function prefixOf({ stored: { request }, cut }: BranchRequest): Json {
  const { model, tools, system, tool_choice, thinking } = request;
  const whole = request.messages.slice(0, cut.message);
  const started = request.messages[cut.message];
  const part = started && cut.block > 0 ? [{ ...started, content: blocksOf(started).slice(0, cut.block) }] : [];
  const prefix = { model, tools, system, tool_choice, thinking, messages: [...whole, ...part] };
  return withoutCacheControl(prefix as unknown as Json);
}

const hasBreakpoint = (request: MessagesRequest | undefined) =>
  request !== undefined && markedBlocks(request).length > 0;

/** What lies before the block stays in the cache for an hour, not for five minutes. */
const isKeptForAnHour = ({ block }: Marked) => (block['cache_control'] as { ttl?: unknown }).ttl === '1h';

/** How long what the request writes to the cache is kept at most; null where it writes nothing. */
export function cacheTtlOf(request: MessagesRequest): '5m' | '1h' | null {
  const marked = markedBlocks(request);
  if (marked.length === 0) return null;
  return marked.some(isKeptForAnHour) ? '1h' : '5m';
}

/** Sets a breakpoint on the last block before the cut that may carry one. */
function addBreakpoint({ stored: { request }, cut }: BranchRequest): void {
  for (let message = Math.min(cut.message, request.messages.length - 1); message >= 0; message--) {
    const current = request.messages[message];
    if (current === undefined) continue;
    const blocks = [...blocksOf(current)];
    const end = message === cut.message ? cut.block : blocks.length;
    const index = blocks.findLastIndex((block, at) => at < end && mayCarry(block));
    const block = blocks[index];
    if (block === undefined) continue;
    if (block['cache_control'] != null) return;
    makeRoom(request);
    const later = [{ ...current, content: blocks.slice(index + 1) }, ...request.messages.slice(message + 1)];
    // One of an hour can't follow one of five minutes.
    const ttl = markedBlocks({ messages: later }).some(isKeptForAnHour) ? { ttl: '1h' } : {};
    blocks[index] = { ...block, cache_control: { type: 'ephemeral', ...ttl } };
    request.messages[message] = { ...current, content: blocks };
    return;
  }
}

const mayCarry = (block: { type: string; text?: unknown }) =>
  !isThinking(block) && !(block.type === 'text' && block.text === '');

/**
 * Takes a breakpoint away where there are as many as the API takes: the oldest of the messages, or where they have none, the first
 * of all, for a later one covers what lies before it, too.
 */
function makeRoom(request: MessagesRequest): void {
  const marked = markedBlocks(request);
  if (marked.length < maxBreakpoints) return;
  const oldest = marked.find(({ path }) => path.startsWith('messages.')) ?? marked[0];
  delete oldest?.block['cache_control'];
}
