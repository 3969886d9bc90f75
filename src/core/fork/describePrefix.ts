import type { Executor } from '../agent/agentSettings.ts';
import type { PrefixMatch } from './prefixMatch.ts';

/**
 * How much of a request begins like a recorded one, in words.
 * @param executor Claude Code makes its request itself: what is said of it is a forecast
 * @returns `text` for one quiet line, `details` for its tooltip, a sentence each
 */
export function describePrefix(prefix: PrefixMatch, executor: Executor = 'api'): { text: string; details: string[] } {
  const { requestId, stopsAt, messages } = prefix;
  if (requestId === null) {
    const why = 'Claude Code recorded no request that this history could be compared with.';
    return { text: 'no recorded request to compare with', details: [why] };
  }
  const cache = prefix.cacheCanHit ? 'the prompt cache can hit' : 'the prompt cache can’t hit';
  const details = [
    `System prompt ${asRecorded(prefix.system)}, tools ${asRecorded(prefix.tools)}, ${messages.equal} of ${messages.total} messages as recorded.`,
    ...(stopsAt === null ? [] : [`The equal part ends ${whereBefore(stopsAt.message)}: ${stopsAt.reason}.`]),
    prefix.cacheCanHit
      ? 'A cache entry was written within the equal part; the API keeps it for five minutes or an hour.'
      : 'No cache entry was written within the equal part.',
  ];
  const forecast = executor === 'claude-code' ? 'forecast: ' : '';
  return { text: `${forecast}${equalPart(prefix)}; ${cache}`, details };
}

function equalPart({ stopsAt, messages }: PrefixMatch): string {
  const { equal, total } = messages;
  if (stopsAt !== null && stopsAt.message === null) return stopsAt.reason;
  if (equal === total) return total === 1 ? 'the one message as recorded' : `all ${total} messages as recorded`;
  if (equal === 0) return 'system prompt and tools as recorded, no message';
  return `${equal} of ${total} messages as recorded`;
}

function asRecorded(isEqual: boolean): string {
  return isEqual ? 'as recorded' : 'changed';
}

function whereBefore(message: number | null): string {
  return message === null ? 'before the messages' : `before message ${message + 1}`;
}
