import type { SearchQuery } from './sessionSearch.ts';

/** What a person typed: the text to find, and filters like `tool:Bash` anywhere in it. */
export interface TypedSearch {
  query: SearchQuery;
  /** What of it can't be understood, in words; null where nothing. */
  problem: string | null;
}

/** The filters with an example of each, as a hint. */
export const searchFilters = {
  project: 'project:slug-tools',
  model: 'model:opus',
  tool: 'tool:Bash',
  since: 'since:7d',
} as const;

export type SearchFilter = keyof typeof searchFilters;

const filter = /(^|\s)(project|model|tool|since):(?:"([^"]*)"?|(\S*))/gi;
const hourMs = 60 * 60 * 1000;
const units = { h: hourMs, d: 24 * hourMs, w: 7 * 24 * hourMs } as const;

/** `7d`, `2w`, `12h`, or a date; null where it is neither. */
function timeOf(text: string, now: number): string | null {
  const span = /^(\d{1,4})([hdw])$/i.exec(text);
  const unit = span?.[2]?.toLowerCase() as keyof typeof units | undefined;
  if (span !== null && unit !== undefined) return new Date(now - Number(span[1]) * units[unit]).toISOString();
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/**
 * Takes the filters out of a typed text. A filter without a value is still being typed and does nothing.
 * @param now milliseconds since the epoch
 */
export function parseSearchText(typed: string, now: number): TypedSearch {
  const query: SearchQuery = { text: '' };
  let problem: string | null = null;
  const text = typed.replace(filter, (_all, space: string, name: string, quoted?: string, plain?: string) => {
    const value = (quoted ?? plain ?? '').trim();
    const key = name.toLowerCase() as SearchFilter;
    if (value === '') return space;
    if (key === 'project') query.projectName = value;
    else if (key === 'model') query.model = value;
    else if (key === 'tool') query.tool = value;
    else {
      const since = timeOf(value, now);
      if (since === null) problem = `“${value}” is no time: write since:7d, since:12h or since:2026-06-01.`;
      else query.since = since;
    }
    return space;
  });
  query.text = text.trim();
  return { query, problem };
}
