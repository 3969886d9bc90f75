import { checkMessages } from './checkMessages.ts';
import { isBlank } from './isBlank.ts';
import { blocksOf, type MessagesRequest } from './messagesRequest.ts';
import type { Complain, RequestProblem } from './requestRules.ts';
import { isThinking } from './thinkingBlocks.ts';
import { referencesIn } from './toolReferences.ts';

/** The API takes at most so many cache breakpoints in one request. */
export const maxBreakpoints = 4;
/** The API takes bodies of at most so many bytes. */
const maxBytes = 32 * 1024 * 1024;
/** The smallest thinking budget, in tokens. */
const smallestBudget = 1024;

/**
 * Checks a request against the rules by which the Messages API answers 400 or 413. Knows nothing of accounts, models and
 * beta features: a request without problems may still be refused for those.
 * @returns every broken rule, in the order of the body; empty where none is
 */
export function checkRequest(request: MessagesRequest): RequestProblem[] {
  const problems: RequestProblem[] = [];
  const complain: Complain = (rule, path, message) => problems.push({ rule, path, message });
  checkTools(request, complain);
  checkReferences(request, complain);
  checkSystem(request, complain);
  checkMessages(request.messages, complain);
  checkThinking(request, complain);
  checkBreakpoints(request, complain);
  checkTexts(request, '', complain);
  checkSize(request, complain);
  return problems;
}

function checkTools({ tools = [], messages }: MessagesRequest, complain: Complain): void {
  const names = new Set<string>();
  tools.forEach((tool, at) => {
    const name = tool.name ?? '';
    if (names.has(name)) complain('tool_name', `tools.${at}.name`, `There are two tools named ${name}.`);
    names.add(name);
    // Tools that run at the API have a type of their own and no schema.
    if (tool['type'] !== undefined && tool['type'] !== 'custom') return;
    if (!/^[\w-]{1,128}$/.test(name))
      complain('tool_name', `tools.${at}.name`, 'The name of the tool has characters that the API refuses.');
    const schema = tool['input_schema'] as { type?: unknown } | null | undefined;
    if (schema?.type !== 'object')
      complain('tool_schema', `tools.${at}.input_schema`, 'The schema of a tool’s input must be that of an object.');
  });
  const used = messages.some((message) => blocksOf(message).some(({ type }) => type === 'tool_use'));
  if (used && tools.length === 0)
    complain('tools_missing', 'tools', 'The history holds tool calls, so the request must define tools.');
}

/** What a tool search found must be defined, too. */
function checkReferences({ tools = [], messages }: MessagesRequest, complain: Complain): void {
  const defined = new Set(tools.map(({ name }) => name));
  messages.forEach((message, at) =>
    blocksOf(message).forEach((block, index) => {
      const unknown = referencesIn(block).find((part) => !defined.has(String(part['tool_name'])));
      if (unknown !== undefined)
        complain(
          'tool_reference',
          `messages.${at}.content.${index}`,
          `The result refers to the tool ${String(unknown['tool_name'])}, which the request doesn’t define.`,
        );
    }),
  );
}

function checkSystem({ system }: MessagesRequest, complain: Complain): void {
  if (!Array.isArray(system)) return;
  system.forEach((block, at) => {
    if (block.type === 'text' && isBlank(block['text']))
      complain('empty_text', `system.${at}`, 'A text block must hold more than white space.');
  });
}

function checkThinking(request: MessagesRequest, complain: Complain): void {
  const thinking = request['thinking'] as { type?: unknown; budget_tokens?: unknown } | undefined;
  if (thinking?.type === 'enabled' && !(Number(thinking.budget_tokens) >= smallestBudget))
    complain('thinking_budget', 'thinking.budget_tokens', `The thinking budget is below ${smallestBudget} tokens.`);
}

/** Something that carries a cache breakpoint. */
export interface Marked {
  path: string;
  block: Record<string, unknown>;
}

/** All breakpoints in the order in which the API goes through them. */
export function markedBlocks({
  tools = [],
  system,
  messages,
}: Pick<MessagesRequest, 'tools' | 'system' | 'messages'>): Marked[] {
  const all: Marked[] = tools.map((tool, at) => ({ path: `tools.${at}`, block: tool }));
  if (Array.isArray(system)) all.push(...system.map((block, at) => ({ path: `system.${at}`, block })));
  messages.forEach((message, at) => {
    blocksOf(message).forEach((block, index) => {
      const path = `messages.${at}.content.${index}`;
      if (block.type === 'tool_result' && Array.isArray(block['content']))
        (block['content'] as Record<string, unknown>[]).forEach((part, inner) =>
          all.push({ path: `${path}.content.${inner}`, block: part }),
        );
      all.push({ path, block });
    });
  });
  return all.filter(({ block }) => block['cache_control'] !== undefined && block['cache_control'] !== null);
}

function checkBreakpoints(request: MessagesRequest, complain: Complain): void {
  const marked = markedBlocks(request);
  if (marked.length > maxBreakpoints)
    complain('cache_marks', marked[maxBreakpoints]?.path ?? '', `More than ${maxBreakpoints} cache breakpoints.`);
  let short = false;
  for (const { path, block } of marked) {
    const { ttl } = block['cache_control'] as { ttl?: unknown };
    if (isThinking({ type: String(block['type']) }) || (block['type'] === 'text' && block['text'] === ''))
      complain('cache_mark_place', path, 'Thinking and empty text can’t carry a cache breakpoint.');
    if (ttl === '1h' && short)
      complain('cache_mark_order', path, 'A cache breakpoint of one hour can’t follow one of five minutes.');
    short ||= ttl !== '1h';
  }
}

/** The API takes no half of a surrogate pair: such a body is no valid JSON for it. */
function checkTexts(value: unknown, path: string, complain: Complain): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) complain('ill_formed_text', path, 'The text holds half of a character.');
  } else if (value !== null && typeof value === 'object') {
    for (const [key, member] of Object.entries(value))
      checkTexts(member, path === '' ? key : `${path}.${key}`, complain);
  }
}

function checkSize(request: MessagesRequest, complain: Complain): void {
  const bytes = bytesOf(JSON.stringify(request));
  if (bytes > maxBytes)
    complain('too_large', '', `The request has ${Math.ceil(bytes / 1024 / 1024)} MB; the API takes 32 MB.`);
}

/** Length in UTF-8. */
function bytesOf(text: string): number {
  // A code unit has at most three bytes, so most texts need no exact count.
  if (text.length * 3 <= maxBytes) return text.length;
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) bytes += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 1 : 2;
  }
  return bytes;
}
