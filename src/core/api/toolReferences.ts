import { blocksOf, type MessagesRequest, type RequestBlock, type RequestMessage } from './messagesRequest.ts';

type Tools = NonNullable<MessagesRequest['tools']>;

const nameOf = (part: RequestBlock): string => String(part['tool_name']);
const isReference = (part: RequestBlock): boolean => part.type === 'tool_reference';

/** References of a tool search’s result, in order. */
export function referencesIn(block: RequestBlock): RequestBlock[] {
  const content = block.type === 'tool_result' ? block['content'] : [];
  return Array.isArray(content) ? (content as RequestBlock[]).filter(isReference) : [];
}

/** Names of tools that a history refers to and the request doesn't define: the API refuses such a reference. */
export function undefinedReferences(messages: readonly RequestMessage[], tools: Tools): string[] {
  const defined = new Set(tools.map(({ name }) => name));
  const names = messages.flatMap((message) => blocksOf(message).flatMap(referencesIn).map(nameOf));
  return [...new Set(names)].filter((name) => !defined.has(name));
}

/** A tool’s result in which references to tools that are not defined are text. */
export function withDefinedReferences(block: RequestBlock, tools: Tools): RequestBlock {
  const unknown = new Set(undefinedReferences([{ role: 'user', content: [block] }], tools));
  if (unknown.size === 0) return block;
  const content = (block['content'] as RequestBlock[]).map((part) =>
    isReference(part) && unknown.has(nameOf(part))
      ? { type: 'text', text: `The tool ${nameOf(part)} was found.` }
      : part,
  );
  return { ...block, content };
}

/** A request in which references to tools that it doesn't define are text; what is missing for it then names these tools. */
export function withFoundTools({ request, missing }: { request: MessagesRequest; missing: string[] }) {
  const { tools = [], messages } = request;
  const unknown = undefinedReferences(messages, tools);
  if (unknown.length === 0) return { request, missing };
  const known = messages.map((message) =>
    typeof message.content === 'string'
      ? message
      : { ...message, content: message.content.map((block) => withDefinedReferences(block, tools)) },
  );
  return {
    request: { ...request, messages: known },
    missing: [...missing, `definitions of tools that were found: ${unknown.join(', ')}`],
  };
}
