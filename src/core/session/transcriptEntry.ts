import type { Anthropic } from '@anthropic-ai/sdk';
import { z } from 'zod';
import type { Json } from '../canonicalJson.ts';
import type { ContentBlock, ParseProblem, Usage } from './recordedSession.ts';

/** Counts as the API reports them; newer versions report more, which is kept but not read. */
const usageSchema = z.looseObject({
  input_tokens: z.number().catch(0),
  output_tokens: z.number().catch(0),
  cache_read_input_tokens: z.number().nullish().catch(0),
  cache_creation_input_tokens: z.number().nullish().catch(0),
} satisfies Partial<Record<keyof Anthropic.Usage, z.ZodType>>);

/** The part of a message that we read. The names are the SDK's: a release that renames one breaks the build, not the user. */
const messageSchema = z.looseObject({
  id: z.string().optional().catch(undefined),
  role: z.string(),
  model: z.string().optional().catch(undefined),
  content: z.union([z.string(), z.array(z.unknown())]),
  stop_reason: z.string().nullish().catch(null),
  usage: usageSchema.optional().catch(undefined),
} satisfies Partial<Record<keyof Anthropic.Message, z.ZodType>>);
const blockSchema = z.looseObject({ type: z.string() });

/** What every line may carry. Everything else stays in `record`, as it came. */
const envelopeSchema = z.looseObject({
  type: z.string(),
  uuid: z.string().min(1).nullish().catch(null),
  parentUuid: z.string().min(1).nullish().catch(null),
  timestamp: z.string().nullish().catch(null),
  isSidechain: z.boolean().optional().catch(undefined),
});

/** A message of the conversation, its content always as blocks. */
export interface EntryMessage {
  role: string;
  id: string | null;
  model: string | null;
  content: ContentBlock[];
  stopReason: string | null;
  usage: Usage | null;
}

export type JsonRecord = { [key: string]: Json };

/** One record of a transcript. Unknown kinds are kept with `message` null. */
export interface TranscriptEntry {
  /** 1-based; two records that were written into one line share it. */
  line: number;
  type: string;
  /** Null for records that are not part of the chain. */
  uuid: string | null;
  parentUuid: string | null;
  /** ISO 8601, null where absent or unreadable. */
  timestamp: string | null;
  isSidechain: boolean;
  /** Present in `user` and `assistant` records. */
  message: EntryMessage | null;
  /** The whole record as it was written. */
  record: JsonRecord;
}

function blocksOf(content: string | unknown[]): { blocks: ContentBlock[]; lost: number } {
  if (typeof content === 'string') return { blocks: [{ type: 'text', text: content }], lost: 0 };
  const blocks = content.filter((block): block is ContentBlock => blockSchema.safeParse(block).success);
  return { blocks, lost: content.length - blocks.length };
}

function messageOf(type: string, record: JsonRecord): { message: EntryMessage; problem: string | null } {
  const parsed = messageSchema.safeParse(record.message);
  if (!parsed.success) {
    const empty = { role: type, id: null, model: null, content: [], stopReason: null, usage: null };
    return { message: empty, problem: `The ${type} message has no readable content; it is shown empty.` };
  }
  const { role, id, model, content, stop_reason: stopReason, usage } = parsed.data;
  const { blocks, lost } = blocksOf(content);
  return {
    message: {
      role,
      id: id ?? null,
      model: model ?? null,
      content: blocks,
      stopReason: stopReason ?? null,
      usage:
        usage === undefined
          ? null
          : {
              inputTokens: usage.input_tokens,
              outputTokens: usage.output_tokens,
              cacheReadTokens: usage.cache_read_input_tokens ?? 0,
              cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
            },
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
  const envelope = envelopeSchema.safeParse(record);
  if (!envelope.success) {
    return { entry: null, problem: { line, kind: 'bad_record', detail: 'The record has no type; it was skipped.' } };
  }
  const { type, uuid, parentUuid, timestamp, isSidechain } = envelope.data;
  const spoken = type === 'user' || type === 'assistant' ? messageOf(type, record) : null;
  const entry: TranscriptEntry = {
    line,
    type,
    uuid: uuid ?? null,
    parentUuid: parentUuid ?? null,
    timestamp: timestamp !== null && timestamp !== undefined && !Number.isNaN(Date.parse(timestamp)) ? timestamp : null,
    isSidechain: isSidechain === true,
    message: spoken?.message ?? null,
    record,
  };
  const detail = spoken?.problem ?? null;
  return { entry, problem: detail === null ? null : { line, kind: 'bad_record', detail } };
}

/** A member of a record, where it is a string. */
export function textField(record: JsonRecord | null | undefined, name: string): string | null {
  const value = record?.[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A member of a record, where it is a finite number. */
export function numberField(record: JsonRecord | null | undefined, name: string): number | null {
  const value = record?.[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A member of a record, where it is an object. */
export function recordField(record: JsonRecord | null | undefined, name: string): JsonRecord | null {
  const value = record?.[name];
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null;
}

/** A member of a record as a list of its strings; empty where it is none. */
export function textListField(record: JsonRecord | null | undefined, name: string): string[] {
  const value = record?.[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
