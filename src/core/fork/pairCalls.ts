import type { Json } from '../canonicalJson.ts';
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

/** Takes out calls that stood there before: the API refuses an id that comes twice. */
export function withoutRepeatedCalls(messages: readonly MessageDraft[]): MessageDraft[] {
  const called = new Set<string>();
  const isFirst = (block: ContentBlock) => {
    const id = block.type === 'tool_use' ? callOf(block)?.id : undefined;
    if (id === undefined) return true;
    const known = called.has(id);
    called.add(id);
    return !known;
  };
  return messages.map((message) => ({ ...message, content: message.content.filter(isFirst) }));
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
