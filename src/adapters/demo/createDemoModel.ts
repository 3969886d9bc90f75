import type { MessagesRequest, RequestMessage } from '../../core/api/messagesRequest.ts';
import type { StoredReply } from '../../core/api/storedReply.ts';
import type { Clock } from '../../core/clock.ts';
import type { ModelClient } from '../../core/run/ports.ts';
import { type DemoQuestion, demoAnswer, shortPath } from './demoAnswer.ts';

/** What the demo's model calls itself in replies, so that nobody takes its words for a real model's. */
export const demoModelId = 'forkpoint-demo';

const models = [
  { id: 'claude-opus-4-5', displayName: 'Opus 4.5 (demo)' },
  { id: 'claude-sonnet-4-5', displayName: 'Sonnet 4.5 (demo)' },
  { id: 'claude-haiku-4-5', displayName: 'Haiku 4.5 (demo)' },
];

/** Time before the first word and between pieces, in milliseconds: enough to watch, short enough not to wait. */
const pace = { first: 120, piece: 12 };
const pieceLength = 14;

type Block = StoredReply['content'][number];

/**
 * A model without a network: it streams a made-up answer that depends on the model, the system prompt, the prompt and the
 * effort of the request, and on nothing else. Where the history names a file and the request has a tool to read it, it
 * reads that file first, as the recorded model may have done.
 */
export function createDemoModel(deps: { clock: Pick<Clock, 'sleep'> }): ModelClient {
  return {
    async stream(request, _betas, { signal, onEvent }) {
      const content = answerOf(request);
      signal.throwIfAborted();
      await deps.clock.sleep(pace.first, signal);
      onEvent({ type: 'first-token' });
      for (const block of content) {
        for (const piece of block.type === 'text' ? pieces(String(block.text)) : []) {
          await deps.clock.sleep(pace.piece, signal);
          onEvent({ type: 'text', text: piece });
        }
      }
      const reply = replyOf(request, content);
      onEvent({ type: 'output-tokens', outputTokens: reply.usage.outputTokens });
      return reply;
    },
    listModels: async () => models,
  };
}

function replyOf(request: MessagesRequest, content: Block[]): StoredReply {
  return {
    content,
    model: demoModelId,
    stopReason: content.some((block) => block.type === 'tool_use') ? 'tool_use' : 'end_turn',
    // About four characters a token; nobody is billed by it.
    usage: {
      inputTokens: Math.ceil(JSON.stringify(request).length / 4),
      outputTokens: Math.ceil(JSON.stringify(content).length / 4),
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    },
    requestId: null,
  };
}

function answerOf(request: MessagesRequest): Block[] {
  const question = questionOf(request);
  const file = fileOfHistory(request);
  const asksFirst = question.toolResult === null && !question.brief;
  if (asksFirst && file !== null && request.tools?.some(({ name }) => name === 'Read') === true) {
    const id = `toolu_demo${request.messages.length}`;
    return [
      { type: 'text', text: `I’ll read ${shortPath(file)} first.` },
      { type: 'tool_use', id, name: 'Read', input: { file_path: file } },
    ];
  }
  return [{ type: 'text', text: demoAnswer(question) }];
}

function questionOf(request: MessagesRequest): DemoQuestion {
  const system = typeof request.system === 'string' ? request.system : textOf(request.system ?? []);
  const effort = (request.output_config as { effort?: unknown } | undefined)?.effort;
  const turn = request.messages.findLastIndex((message) => message.role === 'user' && !hasToolResult(message));
  const results = request.messages.slice(turn + 1).flatMap(toolResults);
  return {
    model: request.model,
    prompt: lastText(request.messages[turn]),
    system,
    effort: typeof effort === 'string' ? effort : null,
    brief: effort === 'low' || /\b(one|a single|two) sentences?\b/i.test(system),
    file: fileOfHistory(request),
    toolResult: results.at(-1) ?? null,
  };
}

const blocksOf = (message: RequestMessage | undefined): Block[] => {
  if (message === undefined) return [];
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
};
const hasToolResult = (message: RequestMessage): boolean =>
  blocksOf(message).some(({ type }) => type === 'tool_result');
const textOf = (blocks: readonly Block[]): string =>
  blocks
    .filter(({ type }) => type === 'text')
    .map((block) => String(block.text))
    .join('\n');
const lastText = (message: RequestMessage | undefined): string => {
  const last = blocksOf(message).findLast(({ type }) => type === 'text');
  return last === undefined ? '' : textOf([last]);
};

function toolResults(message: RequestMessage): string[] {
  return blocksOf(message)
    .filter(({ type }) => type === 'tool_result')
    .map(({ content }) =>
      Array.isArray(content) ? textOf(content as Block[]) : typeof content === 'string' ? content : '',
    );
}

/** The source file that the history's tools touched most often; of equals the first. */
function fileOfHistory(request: MessagesRequest): string | null {
  const counts = new Map<string, number>();
  for (const block of request.messages.flatMap(blocksOf)) {
    const path = block.type === 'tool_use' ? (block.input as { file_path?: unknown } | null)?.file_path : undefined;
    if (typeof path === 'string' && block.name === 'Read') counts.set(path, (counts.get(path) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

function pieces(text: string): string[] {
  const characters = Array.from(text);
  const out: string[] = [];
  for (let at = 0; at < characters.length; at += pieceLength) out.push(characters.slice(at, at + pieceLength).join(''));
  return out;
}
