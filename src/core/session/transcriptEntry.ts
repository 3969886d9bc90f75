import type { Anthropic } from '@anthropic-ai/sdk';
import * as z from 'zod';
import { type EntryFacts, factsOf } from './entryFacts.ts';
import type { JsonRecord } from './jsonRecord.ts';
import type { ContentBlock, ParseProblem, Usage } from './recordedSession.ts';

/** Counts as the API reports them; newer versions report more, which is not read. */
const usageSchema = z.object({
  input_tokens: z.number().catch(0),
  output_tokens: z.number().catch(0),
  cache_read_input_tokens: z.number().nullish().catch(0),
  cache_creation_input_tokens: z.number().nullish().catch(0),
} satisfies Partial<Record<keyof Anthropic.Usage, z.ZodType>>);

/** The part of a message that we read. The names are the SDK's: a release that renames one breaks the build, not the user. */
const messageSchema = z.object({
  id: z.string().optional().catch(undefined),
  role: z.string(),
  model: z.string().optional().catch(undefined),
  content: z.union([z.string(), z.array(z.unknown())]),
  stop_reason: z.string().nullish().catch(null),
  usage: usageSchema.optional().catch(undefined),
} satisfies Partial<Record<keyof Anthropic.Message, z.ZodType>>);
const blockSchema = z.object({ type: z.string() });

/** What every line may carry. Everything else stays in `record`, as it came. */
const envelopeSchema = z.object({
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
export function timeOf(timestamp: string | null | undefined): string | null {
  if (timestamp === null || timestamp === undefined) return null;
  return commonTime.test(timestamp) || !Number.isNaN(Date.parse(timestamp)) ? timestamp : null;
}

/** Whether the record holds a message of the conversation. */
export function holdsMessage(entry: Pick<TranscriptEntry, 'type'>): boolean {
  return entry.type === 'user' || entry.type === 'assistant';
}

function blocksOf(content: string | unknown[]): { blocks: ContentBlock[]; lost: number } {
  if (typeof content === 'string') return { blocks: [{ type: 'text', text: content }], lost: 0 };
  const blocks = content.filter((block): block is ContentBlock => blockSchema.safeParse(block).success);
  return { blocks, lost: content.length - blocks.length };
}

/** The message of a `user` or `assistant` record; an unreadable one is empty, and `problem` says so. */
export function messageOf(type: string, record: JsonRecord): { message: EntryMessage; problem: string | null } {
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
    timestamp: timeOf(timestamp),
    isSidechain: isSidechain === true,
    facts: factsOf(type, record, spoken?.message ?? null),
    message: spoken?.message ?? null,
    record,
  };
  const detail = spoken?.problem ?? null;
  return { entry, problem: detail === null ? null : { line, kind: 'bad_record', detail } };
}
