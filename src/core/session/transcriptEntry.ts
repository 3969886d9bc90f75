import type { Anthropic } from '@anthropic-ai/sdk';
import type { Usage } from '../api/usage.ts';
import { type EntryFacts, factsOf, readableMessage } from './entryFacts.ts';
import { type JsonRecord, numberField, recordField, textField } from './jsonRecord.ts';
import type { ContentBlock, ParseProblem } from './recordedSession.ts';
import { usageTable } from './recordTable.ts';

/** A message of the conversation, its content always as blocks. */
export interface EntryMessage {
  role: string;
  id: string | null;
  model: string | null;
  content: ContentBlock[];
  stopReason: string | null;
  usage: Usage | null;
}

/**
 * One record of a transcript. Unknown kinds are kept with `message` null. Contents may be read from disk each time they are
 * asked for: what walks over a whole file uses `facts` and the other plain fields.
 */
export interface TranscriptEntry {
  /** 1-based; two records that were written into one line share it. */
  readonly line: number;
  readonly type: string;
  /** Null for records that are not part of the chain. */
  readonly uuid: string | null;
  readonly parentUuid: string | null;
  /** ISO 8601, null where absent or unreadable. */
  readonly timestamp: string | null;
  readonly isSidechain: boolean;
  readonly facts: EntryFacts;
  /** Present in `user` and `assistant` records. */
  readonly message: EntryMessage | null;
  /** The whole record as it was written. */
  readonly record: JsonRecord;
}

const commonTime = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** A record's time as it was written, null where it is none. */
export function timeOf(timestamp: string | null): string | null {
  if (timestamp === null) return null;
  return commonTime.test(timestamp) || !Number.isNaN(Date.parse(timestamp)) ? timestamp : null;
}

/** Whether the record holds a message of the conversation. */
export function holdsMessage(entry: Pick<TranscriptEntry, 'type'>): boolean {
  return entry.type === 'user' || entry.type === 'assistant';
}

function isBlock(value: unknown): value is ContentBlock {
  return value !== null && typeof value === 'object' && typeof (value as { type?: unknown }).type === 'string';
}

function blocksOf(content: string | readonly unknown[]): { blocks: ContentBlock[]; lost: number } {
  if (typeof content === 'string') return { blocks: [{ type: 'text', text: content }], lost: 0 };
  const blocks = content.filter(isBlock);
  return { blocks, lost: content.length - blocks.length };
}

// What is read of a message goes by the SDK's names: a release that renames one breaks the build, not the user.
type MessageField = keyof Anthropic.Message;
type UsageField = keyof Anthropic.Usage;

function messageText(message: JsonRecord, name: MessageField): string | null {
  const value = message[name];
  return typeof value === 'string' ? value : null;
}

/** Counts as the API reports them; newer versions report more, which is not read. */
function usageOf(message: JsonRecord): Usage | null {
  const usage = recordField(message, 'usage' satisfies MessageField);
  if (usage === null) return null;
  const names: Record<keyof Usage, UsageField> = usageTable;
  return {
    inputTokens: numberField(usage, names.inputTokens) ?? 0,
    outputTokens: numberField(usage, names.outputTokens) ?? 0,
    cacheReadTokens: numberField(usage, names.cacheReadTokens) ?? 0,
    cacheWriteTokens: numberField(usage, names.cacheWriteTokens) ?? 0,
  };
}

/** The message of a `user` or `assistant` record; an unreadable one is empty, and `problem` says so. */
export function messageOf(type: string, record: JsonRecord): { message: EntryMessage; problem: string | null } {
  const readable = readableMessage(record);
  if (readable === null) {
    const empty = { role: type, id: null, model: null, content: [], stopReason: null, usage: null };
    return { message: empty, problem: `The ${type} message has no readable content; it is shown empty.` };
  }
  const { message, role, content } = readable;
  const { blocks, lost } = blocksOf(content);
  return {
    message: {
      role,
      id: messageText(message, 'id'),
      model: messageText(message, 'model'),
      content: blocks,
      stopReason: messageText(message, 'stop_reason'),
      usage: usageOf(message),
    },
    problem: lost === 0 ? null : `${lost} content block(s) of the ${type} message are not objects; they were left out.`,
  };
}

/**
 * Understands one parsed record as far as it goes.
 * @param line 1-based
 */
export function readEntry(
  record: JsonRecord,
  line: number,
): { entry: TranscriptEntry | null; problem: ParseProblem | null } {
  const { type } = record;
  if (typeof type !== 'string') {
    return { entry: null, problem: { line, kind: 'bad_record', detail: 'The record has no type; it was skipped.' } };
  }
  const spoken = type === 'user' || type === 'assistant' ? messageOf(type, record) : null;
  const entry: TranscriptEntry = {
    line,
    type,
    uuid: textField(record, 'uuid'),
    parentUuid: textField(record, 'parentUuid'),
    timestamp: timeOf(textField(record, 'timestamp')),
    isSidechain: record.isSidechain === true,
    facts: factsOf(type, record, spoken?.message ?? null),
    message: spoken?.message ?? null,
    record,
  };
  const detail = spoken?.problem ?? null;
  return { entry, problem: detail === null ? null : { line, kind: 'bad_record', detail } };
}
