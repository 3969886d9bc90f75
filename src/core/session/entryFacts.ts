import type { Usage } from '../api/usage.ts';
import type { Json } from '../canonicalJson.ts';
import { type JsonRecord, recordField, textField, valueAt } from './jsonRecord.ts';
import {
  absorbedText,
  apiErrorText,
  holdsContinuation,
  holdsInterruption,
  isCommandOutputText,
  isPromptContent,
  isPromptIfAnswered,
  isShellOutputText,
  joinedPromptText,
  textsOf,
} from './promptRules.ts';
import { queueOperationText } from './queuedPrompts.ts';
import type { ContentBlock } from './recordedSession.ts';
import { type FactField, type FactName, factFields, factTable } from './recordTable.ts';
import type { EntryMessage } from './transcriptEntry.ts';

/** Facts that are one text or flag each. */
type PlainFacts = {
  readonly [Name in FactName]: (typeof factTable)[Name]['as'] extends 'flag' ? boolean : string | null;
};

/**
 * What walks over a whole transcript ask of a record. Kept in memory for every record of an open session, so it holds no
 * text but prompts and errors. Most of them stand in `recordTable.ts`; here are those of another form.
 */
export interface EntryFacts extends PlainFacts {
  readonly usage: Usage | null;
  /** Types of the message's content blocks, in order. */
  readonly blocks: readonly string[];
  readonly toolUses: readonly { id: string; name: string }[];
  readonly toolResults: readonly { id: string; isError: boolean }[];
  /** What a person asked; null for every other record. */
  readonly prompt: PromptFacts | null;
  /** What a conversation begins with that no person asked: a turn where the model answers it. */
  readonly automatic: PromptFacts | null;
}

/** Facts that are being put together. */
export type FactsDraft = { -readonly [Name in keyof EntryFacts]: EntryFacts[Name] };

/** A prompt as far as an outline tells. */
export interface PromptFacts {
  readonly text: string;
  /** Number of the blocks that are no text. */
  readonly attachments: number;
  /** Whether the content is a list of one block: then it may be a part of a prompt. */
  readonly isOneBlock: boolean;
}

const nothing: readonly never[] = [];

/** Facts of a record that says nothing. */
export const noFacts: EntryFacts = Object.freeze({
  ...(Object.fromEntries(
    Object.entries(factTable).map(([name, { as }]) => [name, as === 'flag' ? false : null]),
  ) as PlainFacts),
  usage: null,
  blocks: nothing,
  toolUses: nothing,
  toolResults: nothing,
  prompt: null,
  automatic: null,
});

/** Puts in what a field says. @param value as it stands in the record */
export function putFact(facts: FactsDraft, { name, as }: FactField, value: unknown): void {
  const plain = facts as Record<FactName, string | boolean | null>;
  if (as === 'flag') plain[name] = value === true;
  else plain[name] = typeof value === 'string' && value !== '' ? value : null;
}

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

function promptOf(record: JsonRecord, content: readonly ContentBlock[], texts: readonly string[]): PromptFacts {
  return {
    text: joinedPromptText(texts),
    attachments: content.filter(({ type }) => type !== 'text').length,
    isOneBlock: content.length === 1 && Array.isArray(recordField(record, 'message')?.content),
  };
}

/** What the fields of a record say. @param isReadable whether its message is, if it is to have one */
function plainFacts(type: string, record: JsonRecord, isReadable: boolean): FactsDraft {
  const facts = { ...noFacts };
  for (const field of factFields.get(type) ?? []) {
    const value = isReadable || !field.path.startsWith('message.') ? valueAt(record, field.path) : undefined;
    if (value !== undefined) putFact(facts, field, value);
  }
  return facts;
}

/** The message of a record, where it has a role and content. */
export function readableMessage(
  record: JsonRecord,
): { message: JsonRecord; role: string; content: string | Json[] } | null {
  const message = recordField(record, 'message');
  const { role, content } = message ?? {};
  const isReadable = typeof role === 'string' && (typeof content === 'string' || Array.isArray(content));
  return message === null || !isReadable ? null : { message, role, content };
}

/** The facts of a record that was read whole. @param message null where the record holds none */
export function factsOf(type: string, record: JsonRecord, message: EntryMessage | null): EntryFacts {
  const rule = rules[type];
  if (rule === undefined) return noFacts;
  const facts = plainFacts(type, record, readableMessage(record) !== null);
  const content = message?.content ?? [];
  if (message !== null) facts.blocks = blockTypes(content.map((block) => block.type));
  rule(facts, record, content, message);
  return facts;
}

/** By type of the record, what it says that is no field. */
const rules: {
  [type: string]:
    | ((facts: FactsDraft, record: JsonRecord, content: readonly ContentBlock[], message: EntryMessage | null) => void)
    | undefined;
} = {
  __proto__: null as never,
  attachment(facts, record) {
    facts.absorbed = absorbedText(recordField(record, 'attachment'));
  },
  system(facts, record) {
    facts.isCommandOutput =
      facts.subtype === 'local_command' && isCommandOutputText(textField(record, 'content') ?? '');
  },
  'queue-operation'(facts, record) {
    facts.queued = queueOperationText(record);
  },
  assistant(facts, record, content, message) {
    facts.usage = message?.usage ?? null;
    facts.toolUses = toolUsesOf(content);
    facts.apiError = apiErrorText(record, content);
  },
  user(facts, record, content, message) {
    const texts = textsOf(content);
    facts.isMeta ||= texts.some(isShellOutputText);
    facts.toolResults = toolResultsOf(content);
    facts.interrupted = holdsInterruption(texts) || holdsContinuation(record, texts);
    facts.isCommandOutput = texts.some(isCommandOutputText);
    if (message?.role !== 'user') return;
    if (isPromptContent(record, content, texts)) facts.prompt = promptOf(record, content, texts);
    if (isPromptIfAnswered(record, content, texts)) facts.automatic = promptOf(record, content, texts);
  },
};
