import type { Usage } from '../api/usage.ts';
import { type JsonRecord, recordField, textField } from './jsonRecord.ts';
import {
  absorbedText,
  apiErrorText,
  holdsCommandOutput,
  holdsContinuation,
  holdsInterruption,
  holdsShellOutput,
  isAutomaticPrompt,
  isCommandOutputText,
  isPromptContent,
  promptText,
} from './promptRules.ts';
import { queueOperationText } from './queuedPrompts.ts';
import type { ContentBlock } from './recordedSession.ts';
import type { EntryMessage } from './transcriptEntry.ts';

/**
 * What walks over a whole transcript ask of a record. Kept in memory for every record of an open session, so it holds no
 * text but prompts and errors.
 */
export interface EntryFacts {
  /** `subtype` of a system record, `type` of an attachment. */
  readonly subtype: string | null;
  /** What a compaction boundary continues. */
  readonly logicalParent: string | null;
  /** Written by Claude Code for the model, not by the person. */
  readonly isMeta: boolean;
  /** `message.id` of a line of a reply. */
  readonly messageId: string | null;
  readonly model: string | null;
  readonly usage: Usage | null;
  readonly stopReason: string | null;
  /** Effort that the model was asked for, as Claude Code wrote it to the reply. */
  readonly effort: string | null;
  /** Types of the message's content blocks, in order. */
  readonly blocks: readonly string[];
  readonly toolUses: readonly { id: string; name: string }[];
  readonly toolResults: readonly { id: string; isError: boolean }[];
  /** `uuid` of the line whose tool call this line answers. */
  readonly sourceCall: string | null;
  /** Subagent that a tool result came from. */
  readonly agentId: string | null;
  /** Id of the logged request that a reply answers. */
  readonly requestRef: string | null;
  /** Id of the logged request that a hook changed before this reply's request was sent. */
  readonly changedByHook: string | null;
  /** Text of the API error that stands in place of a reply. */
  readonly apiError: string | null;
  /** The reply or the turn was stopped here. */
  readonly interrupted: boolean;
  /** Output of a command that Claude Code ran itself: its parent was no prompt to the model. */
  readonly isCommandOutput: boolean;
  /** What a person asked; null for every other record. */
  readonly prompt: PromptFacts | null;
  /** What a conversation begins with that no person asked: a turn where the model answers it. */
  readonly automatic: PromptFacts | null;
  /** What a person wrote while a turn ran and Claude Code passed on within it. */
  readonly absorbed: string | null;
  /** What was done with a prompt that waited for its turn: see `queueOperationText`. */
  readonly queued: string | null;
}

/** A prompt as far as an outline tells. */
export interface PromptFacts {
  readonly text: string;
  /** Number of the blocks that are no text. */
  readonly attachments: number;
  /** Whether the content is a list of one block: then it may be a part of a prompt. */
  readonly isOneBlock: boolean;
}

const nothing: readonly never[] = [];

/** Facts of a record that holds no message. */
export const noFacts: EntryFacts = Object.freeze({
  subtype: null,
  logicalParent: null,
  isMeta: false,
  messageId: null,
  model: null,
  usage: null,
  stopReason: null,
  effort: null,
  blocks: nothing,
  toolUses: nothing,
  toolResults: nothing,
  sourceCall: null,
  agentId: null,
  requestRef: null,
  changedByHook: null,
  apiError: null,
  interrupted: false,
  isCommandOutput: false,
  prompt: null,
  automatic: null,
  absorbed: null,
  queued: null,
});

const oneBlock: ReadonlyMap<string, readonly string[]> = new Map(
  ['text', 'tool_use', 'tool_result', 'thinking', 'image'].map((type) => [type, [type]]),
);

/** The types of some blocks; most messages hold one block, and share their list. */
export function blockTypes(types: readonly string[]): readonly string[] {
  const [first] = types;
  if (first === undefined) return nothing;
  return (types.length === 1 ? oneBlock.get(first) : undefined) ?? types;
}

function toolUsesOf(content: readonly ContentBlock[]): EntryFacts['toolUses'] {
  const uses = content.flatMap((block) =>
    block.type === 'tool_use' && typeof block.id === 'string' && typeof block.name === 'string'
      ? { id: block.id, name: block.name }
      : [],
  );
  return uses.length === 0 ? nothing : uses;
}

function toolResultsOf(content: readonly ContentBlock[]): EntryFacts['toolResults'] {
  const results = content.flatMap((block) =>
    block.type === 'tool_result' && typeof block.tool_use_id === 'string'
      ? { id: block.tool_use_id, isError: block.is_error === true }
      : [],
  );
  return results.length === 0 ? nothing : results;
}

function promptOf(record: JsonRecord, content: readonly ContentBlock[]): PromptFacts {
  return {
    text: promptText(content),
    attachments: content.filter(({ type }) => type !== 'text').length,
    isOneBlock: content.length === 1 && Array.isArray(recordField(record, 'message')?.content),
  };
}

function attachmentFacts(record: JsonRecord): EntryFacts {
  const attachment = recordField(record, 'attachment');
  return {
    ...noFacts,
    subtype: textField(attachment, 'type'),
    isMeta: record.isMeta === true,
    absorbed: absorbedText(attachment),
  };
}

/** The facts of a record that was read whole. @param message null where the record holds none */
export function factsOf(type: string, record: JsonRecord, message: EntryMessage | null): EntryFacts {
  if (type === 'attachment') return attachmentFacts(record);
  if (type === 'system')
    return {
      ...noFacts,
      subtype: textField(record, 'subtype'),
      logicalParent: textField(record, 'logicalParentUuid'),
      isMeta: record.isMeta === true,
      isCommandOutput: record.subtype === 'local_command' && isCommandOutputText(textField(record, 'content') ?? ''),
    };
  if (type === 'queue-operation') return { ...noFacts, queued: queueOperationText(record) };
  if (message === null) return noFacts;
  const { content } = message;
  const shared = {
    ...noFacts,
    logicalParent: textField(record, 'logicalParentUuid'),
    isMeta: record.isMeta === true,
    blocks: blockTypes(content.map(({ type }) => type)),
  };
  if (type === 'assistant') {
    return {
      ...shared,
      messageId: message.id,
      model: message.model,
      usage: message.usage,
      stopReason: message.stopReason,
      effort: textField(record, 'effort'),
      toolUses: toolUsesOf(content),
      requestRef: textField(record, 'requestRef'),
      changedByHook: textField(recordField(record, 'requestHookChanged'), 'record'),
      apiError: apiErrorText(record, content),
      interrupted: record.isAbortedMidStream === true,
    };
  }
  return {
    ...shared,
    isMeta: shared.isMeta || holdsShellOutput(content),
    toolResults: toolResultsOf(content),
    sourceCall: textField(record, 'sourceToolAssistantUUID'),
    agentId: textField(recordField(record, 'toolUseResult'), 'agentId'),
    interrupted: holdsInterruption(content) || holdsContinuation(record, content),
    isCommandOutput: holdsCommandOutput(content),
    prompt: message.role === 'user' && isPromptContent(record, content) ? promptOf(record, content) : null,
    automatic: message.role === 'user' && isAutomaticPrompt(record, content) ? promptOf(record, content) : null,
  };
}
