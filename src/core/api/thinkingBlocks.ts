import { blocksOf, type MessagesRequest, type RequestBlock, type RequestMessage } from './messagesRequest.ts';
import { modelFacts } from './modelFacts.ts';

/** What the request says of thinking. */
export interface ThinkingParameter {
  type?: string;
  budget_tokens?: number;
  block_binding?: { prefix_mismatch_behavior?: string };
}

export function thinkingOf(request: MessagesRequest): ThinkingParameter | undefined {
  return request['thinking'] as ThinkingParameter | undefined;
}

export const isThinking = ({ type }: { type: string }): boolean => type === 'thinking' || type === 'redacted_thinking';

/**
 * Whether the API refuses the request where something stands before a thinking block that did not stand there when it was
 * thought. Of models that nobody knows, newer ones of Claude are taken to do so, for all of the latest do.
 */
export function bindsThinking(request: MessagesRequest): boolean {
  if (thinkingOf(request)?.block_binding?.prefix_mismatch_behavior === 'drop_block') return false;
  return modelFacts(request.model)?.bindsThinking ?? request.model.startsWith('claude-');
}

/** Whether the model has the word in the middle of a turn: it is to go on after results of its calls. */
export function endsWithResults({ messages }: MessagesRequest): boolean {
  const last = messages.findLast(({ role }) => role !== 'system');
  return last?.role === 'user' && blocksOf(last).some(({ type }) => type === 'tool_result');
}

/** Whether the last reply begins with thinking. */
export function beginsWithThinking({ messages }: MessagesRequest): boolean {
  const reply = messages.findLast(({ role }) => role === 'assistant');
  const first: RequestBlock | undefined = reply && blocksOf(reply)[0];
  return first !== undefined && isThinking(first);
}

interface WithoutThinking {
  messages: RequestMessage[];
  /** Number of blocks left out. */
  dropped: number;
  /** Where the block stands now that stood there, or was to be put there. */
  positionOf: (message: number, block: number) => { message: number; block: number };
}

/**
 * Messages without their thinking. One that held nothing else goes too, and its neighbours are joined.
 * @param from place of the first message whose thinking is left out
 */
export function withoutThinking(messages: readonly RequestMessage[], from = 0): WithoutThinking {
  const kept: RequestMessage[] = [];
  const places: { message: number; offset: number }[] = [];
  let dropped = 0;
  let removedBefore = false;
  messages.forEach((message, index) => {
    const blocks = blocksOf(message);
    const rest = index < from ? [...blocks] : blocks.filter((block) => !isThinking(block));
    dropped += blocks.length - rest.length;
    if (rest.length === 0 && blocks.length > 0) {
      removedBefore = true;
      places.push({ message: kept.length, offset: 0 });
      return;
    }
    const previous = kept.at(-1);
    // Two messages of one role side by side only where the one between them went.
    const joins = removedBefore && previous?.role === message.role;
    const offset = joins && previous ? blocksOf(previous).length : 0;
    if (joins && previous) kept[kept.length - 1] = { ...previous, content: [...blocksOf(previous), ...rest] };
    else kept.push(rest.length === blocks.length ? message : { ...message, content: rest });
    removedBefore = false;
    places.push({ message: kept.length - 1, offset });
  });
  return {
    messages: kept,
    dropped,
    positionOf(message, block) {
      const place = places[message];
      return place === undefined
        ? { message: kept.length, block: 0 }
        : { message: place.message, block: block + place.offset };
    },
  };
}
