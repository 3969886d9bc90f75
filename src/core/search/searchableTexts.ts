import type { Json } from '../canonicalJson.ts';
import type { JsonRecord } from '../session/jsonRecord.ts';
import { absorbedText, isInjectedText, isNotByThePerson } from '../session/promptRules.ts';
import type { SearchKind } from './sessionSearch.ts';

/** Texts of one content block. */
export interface SearchableText {
  kind: SearchKind;
  /** Of tool inputs. */
  tool: string | null;
  /** Of tool results: the call that they answer. */
  toolUseId: string | null;
  /** The query is looked for in each by itself. */
  parts: string[];
}

const interruption = /^\s*\[Request interrupted by user(?: for tool use)?\]\s*$/;
const localOutput = /^\s*<(?:local-command-(?:stdout|stderr)|bash-(?:stdout|stderr)|task-notification)>/;

function isObject(value: Json | undefined): value is JsonRecord {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** All strings inside a value. */
function stringsIn(value: Json | undefined, found: string[] = []): string[] {
  if (typeof value === 'string') found.push(value);
  else if (value !== null && typeof value === 'object') {
    for (const member of Object.values(value)) stringsIn(member, found);
  }
  return found;
}

/** Texts of a tool's result; pictures and documents are left out. */
function resultTexts(content: Json | undefined): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((block) => (isObject(block) && typeof block.text === 'string' ? [block.text] : []));
}

function userText(text: string): SearchableText[] {
  if (interruption.test(text) || isInjectedText(text)) return [];
  const kind = localOutput.test(text) && isNotByThePerson(text) ? 'tool result' : 'prompt';
  return [{ kind, tool: null, toolUseId: null, parts: [text] }];
}

function textsOfBlock(block: Json, ofUser: boolean): SearchableText[] {
  if (!isObject(block)) return [];
  const plain = { tool: null, toolUseId: null };
  switch (block.type) {
    case 'text':
      if (typeof block.text !== 'string') return [];
      return ofUser ? userText(block.text) : [{ kind: 'reply', ...plain, parts: [block.text] }];
    case 'thinking':
      return typeof block.thinking === 'string' ? [{ kind: 'thinking', ...plain, parts: [block.thinking] }] : [];
    case 'tool_use':
    case 'server_tool_use':
      return [
        {
          kind: 'tool input',
          tool: typeof block.name === 'string' ? block.name : null,
          toolUseId: null,
          parts: stringsIn(block.input),
        },
      ];
    case 'tool_result':
      return [
        {
          kind: 'tool result',
          tool: null,
          toolUseId: typeof block.tool_use_id === 'string' ? block.tool_use_id : null,
          parts: resultTexts(block.content),
        },
      ];
    default:
      return [];
  }
}

/** What was typed while a turn ran. That it waited in vain only the whole session tells. */
function queuedTexts(record: JsonRecord): SearchableText[] {
  const attachment = isObject(record.attachment) ? record.attachment : null;
  const typed =
    record.type === 'attachment' ? absorbedText(attachment) : record.operation === 'enqueue' ? record.content : null;
  return typeof typed === 'string' ? userText(typed) : [];
}

/**
 * What of a record is searched: prompts, also those that were typed while a turn ran and those that waited in vain, replies,
 * thinking, inputs and results of tools. Not what Claude Code adds by
 * itself (reminders, attachments, the request log, summaries of a compaction), nor pictures.
 */
export function searchableTexts(record: JsonRecord): SearchableText[] {
  const { type, message } = record;
  if (type === 'queue-operation') return queuedTexts(record);
  if (type === 'attachment' && typeof record.uuid === 'string') return queuedTexts(record);
  if ((type !== 'user' && type !== 'assistant') || typeof record.uuid !== 'string' || !isObject(message)) return [];
  if (record.isMeta === true || record.isCompactSummary === true || record.isVisibleInTranscriptOnly === true)
    return [];
  const ofUser = type === 'user';
  const { content } = message;
  const blocks: Json[] = typeof content === 'string' ? [{ type: 'text', text: content }] : (content as Json[]);
  return Array.isArray(blocks) ? blocks.flatMap((block) => textsOfBlock(block, ofUser)) : [];
}
