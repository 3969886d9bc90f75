import { blocksOf, type MessagesRequest, type RequestMessage } from '../api/messagesRequest.ts';
import { undefinedReferences } from '../api/toolReferences.ts';
import { type JsonRecord, recordField, textListField } from '../session/jsonRecord.ts';
import type { ChainNode, MessageChain } from '../session/messageChain.ts';
import type { RecordedRequests } from '../session/recordedRequests.ts';

/** System prompt, tools and parameters for a history that no logged request holds. */
export interface RequestSettings {
  /** A body without messages. */
  request: Partial<MessagesRequest>;
  betas: string[];
  missing: string[];
  /** The logged request that they were taken from; null where there is none. */
  id: string | null;
}

/** @param near the last record of the history */
export function settingsFor(
  history: readonly RequestMessage[],
  near: ChainNode,
  log: RecordedRequests,
  chain: MessageChain,
): RequestSettings {
  const called = toolsCalled(history);
  const logged = log.settingsNear(near.entry.line);
  if (logged !== null) {
    const noTools = (logged.request.tools ?? []).length === 0 && called.length > 0;
    return {
      ...logged,
      request: noTools ? { ...logged.request, tools: called } : logged.request,
      missing: [
        'the system prompt, tool definitions and parameters of this very point: those of another request of the session are used',
      ],
    };
  }
  const snapshot = snapshotNear(chain, near);
  const prompts = textListField(snapshot, 'systemPrompt').filter((text) => text.trim() !== '');
  const defined = toolsOfSnapshot(snapshot);
  const tools = defined.length > 0 ? defined : [...called, ...undefinedReferences(history, called).map(barely)];
  const missing = [prompts.length === 0 ? 'system prompt' : 'the first lines of the system prompt'];
  if (defined.length === 0)
    missing.push(
      called.length === 0
        ? 'tool definitions'
        : 'tool definitions (only the names of the tools that were called are known)',
    );
  missing.push('request parameters (output limit, thinking, effort, beta features)');
  const system = prompts.map((text) => ({ type: 'text', text: text.toWellFormed() }));
  return {
    id: null,
    request: { ...(system.length === 0 ? {} : { system }), ...(tools.length === 0 ? {} : { tools }) },
    betas: [],
    missing,
  };
}

/** The `prompt_snapshot` nearest before a record that also holds the tools, else the first behind it, else one without tools. */
function snapshotNear({ nodes }: MessageChain, near: ChainNode): JsonRecord | null {
  const snapshots = nodes.filter(
    ({ entry }) => entry.type === 'attachment' && entry.facts.subtype === 'prompt_snapshot',
  );
  const before = snapshots.filter(({ order }) => order <= near.order).reverse();
  let first: JsonRecord | null = null;
  for (const { entry } of [...before, ...snapshots.slice(before.length)]) {
    const attachment = recordField(entry.record, 'attachment');
    if (Array.isArray(attachment?.tools)) return attachment;
    first ??= attachment;
  }
  return first;
}

/** Definitions that satisfy the API where only the calls are recorded. */
function toolsCalled(messages: readonly RequestMessage[]): { name: string; input_schema: { type: 'object' } }[] {
  const names = messages.flatMap((message) =>
    blocksOf(message).flatMap((block) =>
      block.type === 'tool_use' && typeof block.name === 'string' ? [block.name] : [],
    ),
  );
  return [...new Set(names)].map(barely);
}

const barely = (name: string): { name: string; input_schema: { type: 'object' } } => ({
  name,
  input_schema: { type: 'object' },
});

function toolsOfSnapshot(snapshot: JsonRecord | null): { name: string }[] {
  const tools = snapshot?.tools;
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool) => {
    const { name, description, input_schema } = recordField({ tool }, 'tool') ?? {};
    if (typeof name !== 'string') return [];
    return {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      input_schema: input_schema ?? { type: 'object' },
    };
  });
}
