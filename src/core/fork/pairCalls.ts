import { blocksOf, type RequestMessage } from '../api/messagesRequest.ts';
import { canonicalJson, type Json } from '../canonicalJson.ts';
import { recordField, textField } from '../session/jsonRecord.ts';
import type { ContentBlock } from '../session/recordedSession.ts';
import type { MessageDraft } from './messageDraft.ts';

const noResult = 'No result was recorded for this tool call.';
export const saidNothing = 'The tool failed and said nothing.';

/** A result that was made up, because the API wants one for every call. */
export interface CompletedCall {
  toolUseId: string;
  /** Name of the tool. */
  tool: string;
  /** What the history says in place of a result. */
  content: string;
}

/** Id and name of a call; null for one that was damaged. */
export function callOf(block: ContentBlock): { id: string; name: string } | null {
  const [id, name] = [textField(block, 'id'), textField(block, 'name')];
  return id === null || name === null ? null : { id, name };
}

interface SeenCall {
  /** Name and input. */
  what: string;
  /** Id that it is sent with. */
  sentAs: string;
  /** Number of the message that it stands in. */
  message: number;
  answered: boolean;
}

/**
 * The API refuses an id that comes twice. A call that stands there again is taken out; another one that has its id (some providers
 * begin at `call_0` in every reply) gets an id of its own, and so does its result.
 * @param before messages that stand before these
 */
export function withUniqueCalls(
  messages: readonly MessageDraft[],
  before: readonly RequestMessage[] = [],
): MessageDraft[] {
  const calls = new UniqueCalls(messages);
  for (const message of before) calls.next(blocksOf(message) as readonly ContentBlock[]);
  return messages.map((message) => ({ ...message, content: calls.next(message.content) }));
}

class UniqueCalls {
  /** By recorded id, in order. */
  readonly #seen = new Map<string, SeenCall[]>();
  readonly #taken = new Set<string>();
  /** Results of an id that are still to come. */
  readonly #results = new Map<string, number>();
  #message = 0;

  constructor(messages: readonly MessageDraft[]) {
    for (const block of messages.flatMap(({ content }) => content)) {
      const id = resultIdOf(block);
      if (id !== null) this.#results.set(id, (this.#results.get(id) ?? 0) + 1);
    }
  }

  /** The blocks of the next message as they are sent, without calls that stood there before. */
  next(blocks: readonly ContentBlock[]): ContentBlock[] {
    this.#message += 1;
    return blocks.flatMap((block) => {
      const answers = resultIdOf(block);
      if (answers !== null) return this.#result(block, answers);
      const call = block.type === 'tool_use' ? callOf(block) : null;
      return call === null ? block : (this.#call(block, call) ?? []);
    });
  }

  /** Of one reply's calls that share an id each gets a result, in order. */
  #result(block: ContentBlock, id: string): ContentBlock {
    this.#results.set(id, (this.#results.get(id) ?? 1) - 1);
    const seen = this.#seen.get(id) ?? [];
    const last = seen.at(-1);
    const call = seen.find(({ message, answered }) => message === last?.message && !answered) ?? last;
    if (call === undefined) return block;
    call.answered = true;
    return call.sentAs === id ? block : { ...block, tool_use_id: call.sentAs };
  }

  #call(block: ContentBlock, { id, name }: { id: string; name: string }): ContentBlock | null {
    const what = canonicalJson([name, block.input]);
    const seen = this.#seen.get(id) ?? [];
    // An equal call is another one only where the first has its result, and one more follows.
    const isSame = seen.some((known) => known.what === what && !(known.answered && (this.#results.get(id) ?? 0) > 0));
    if (isSame) return null;
    const sentAs = freeId(id, this.#taken);
    this.#taken.add(sentAs);
    this.#seen.set(id, [...seen, { what, sentAs, message: this.#message, answered: false }]);
    return sentAs === id ? block : { ...block, id: sentAs };
  }
}

function resultIdOf(block: ContentBlock): string | null {
  return block.type === 'tool_result' ? textField(block, 'tool_use_id') : null;
}

/** An id that is not taken, as like the given one as may be, of characters that the API takes. */
export function freeId(given: string, taken: ReadonlySet<unknown>): string {
  const base = given.replace(/[^\w-]/g, '_') || 'call';
  let id = base;
  for (let count = 2; taken.has(id); count += 1) id = `${base}_${count}`;
  return id;
}

/** Every call directly followed by its one result; results without a call go. */
export class Pairing {
  readonly #results = new Map<string, ContentBlock>();
  readonly completed: CompletedCall[] = [];

  /** @param messages in which no call stands twice */
  constructor(messages: readonly MessageDraft[]) {
    for (const block of messages.flatMap((message) => message.content)) {
      if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string') continue;
      if (!this.#results.has(block.tool_use_id)) this.#results.set(block.tool_use_id, block);
    }
  }

  of(messages: readonly MessageDraft[]): MessageDraft[] {
    return messages.flatMap((message) => {
      const rest = message.content.filter((block) => block.type !== 'tool_result');
      const calls = rest.flatMap((block) => (block.type === 'tool_use' ? (callOf(block) ?? []) : []));
      const said: MessageDraft[] = rest.length === 0 ? [] : [{ ...message, content: rest }];
      if (calls.length === 0) return said;
      const content = calls.map((call) => this.#answer(call));
      // Results stand before everything else that the model hears.
      return [...said, { role: 'user', content, isAside: true, hasSeam: false }];
    });
  }

  #answer({ id, name }: { id: string; name: string }): ContentBlock {
    const recorded = this.#results.get(id);
    if (recorded === undefined) return this.#made(id, name, noResult);
    const { content } = recorded;
    const parts = Array.isArray(content) ? content.filter((part) => !isEmptyText(part)) : content;
    const isEmpty = parts === undefined || parts === '' || (Array.isArray(parts) && parts.length === 0);
    // The API refuses an error that says nothing.
    if (recorded.is_error === true && isEmpty) return this.#made(id, name, saidNothing);
    return Array.isArray(content) ? { ...recorded, content: parts as Json } : recorded;
  }

  #made(id: string, tool: string, content: string): ContentBlock {
    this.completed.push({ toolUseId: id, tool, content });
    return { type: 'tool_result', tool_use_id: id, is_error: true, content };
  }
}

function isEmptyText(part: Json): boolean {
  const block = recordField({ part }, 'part');
  return block?.type === 'text' && block.text === '';
}
