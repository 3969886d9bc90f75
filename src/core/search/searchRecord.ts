// src/core/search: what of a record is searched, and how a query matches it. No index and no file: those are
// src/adapters/search.

import type { JsonRecord } from '../session/jsonRecord.ts';
import { searchableTexts } from './searchableTexts.ts';
import type { SearchHit } from './sessionSearch.ts';
import { snippetOf } from './snippetOf.ts';
import type { TextMatcher } from './textMatcher.ts';

/** A hit as far as the record alone tells. */
export interface FoundText extends Pick<SearchHit, 'uuid' | 'line' | 'kind' | 'tool' | 'at' | 'snippet' | 'ranges'> {
  /** Of tool results: the call that they answer. */
  toolUseId: string | null;
  /** Position of the text among the record's texts. */
  index: number;
}

/** Texts of a record in which the query stands, each once. @param line 1-based */
export function searchRecord(record: JsonRecord, line: number, matcher: TextMatcher): FoundText[] {
  const { uuid, timestamp } = record;
  return searchableTexts(record).flatMap(({ kind, tool, toolUseId, parts }, index) => {
    for (const part of parts) {
      const place = matcher.indexIn(part);
      if (place < 0) continue;
      const at = typeof timestamp === 'string' && !Number.isNaN(Date.parse(timestamp)) ? timestamp : null;
      return {
        uuid: typeof uuid === 'string' ? uuid : '',
        line,
        kind,
        tool,
        at,
        toolUseId,
        index,
        ...snippetOf(part, place, matcher),
      };
    }
    return [];
  });
}
