import { recordField, textField, textListField } from './jsonRecord.ts';
import type { TranscriptEntry } from './transcriptEntry.ts';

/** Kind of a record that marks where the history before it was replaced by a summary. */
export function isCompactBoundary(entry: TranscriptEntry): boolean {
  return entry.type === 'system' && entry.facts.subtype === 'compact_boundary';
}

/** What a compaction kept word for word. */
export interface PreservedUuids {
  /** Behind which it stands now: the summary, or the boundary where it stands before that. */
  anchor: string | null;
  /** The records by name; empty where only the first and the last one are named. */
  uuids: string[];
  head: string | null;
  tail: string | null;
}

/** Versions name the records that a compaction kept one by one (`preservedMessages`), by both ends (`preservedSegment`), or both. */
export function preservedUuids(boundary: TranscriptEntry): PreservedUuids {
  const meta = recordField(boundary.record, 'compactMetadata');
  const messages = recordField(meta, 'preservedMessages');
  const segment = recordField(meta, 'preservedSegment');
  return {
    anchor: textField(messages, 'anchorUuid') ?? textField(segment, 'anchorUuid'),
    uuids: textListField(messages, 'uuids'),
    head: textField(segment, 'headUuid'),
    tail: textField(segment, 'tailUuid'),
  };
}
