import type { RequestBlock } from './messagesRequest.ts';

/** A call of a tool that runs at the API, or at an MCP server that the API asks. */
export const isServerCall = ({ type }: { type: string }): boolean => /^(?:server|mcp)_tool_use$/.test(type);

/** What such a tool answered; it stands in a reply. */
export const isServerResult = ({ type }: { type: string }): boolean => /^\w+_tool_result$/.test(type);

/** Whether the API takes the id of such a call. It makes these ids itself, and refuses those of other providers. */
export function hasServerId({ type, id }: RequestBlock): boolean {
  return typeof id === 'string' && (type === 'server_tool_use' ? /^srvtoolu_\w+$/ : /^[\w-]+$/).test(id);
}
