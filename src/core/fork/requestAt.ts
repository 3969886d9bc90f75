import { ForkPointError } from '../errors.ts';
import { type JsonRecord, recordField, textListField } from '../session/jsonRecord.ts';
import { type ChainNode, isCompactBoundary, pathTo, preservedBy } from '../session/messageChain.ts';
import { indexedMessage } from '../session/messageIndex.ts';
import { isInjectedText } from '../session/promptRules.ts';
import type { RecordedRequests } from '../session/recordedRequests.ts';
import type { ContentBlock } from '../session/recordedSession.ts';
import { holdsMessage } from '../session/transcriptEntry.ts';
import { recordsOnPath, type SessionTree } from '../session/turnTree.ts';
import { type History, historyMessages } from './historyMessages.ts';
import type { MessagesRequest, RebuiltRequest, RequestMessage } from './messagesRequest.ts';
import { type Cut, requestRefOf } from './resolveForkPoint.ts';

/** Every Claude 4 model and every later one accepts so much; used only where the recording names no limit. */
const assumedMaxTokens = 32_000;

const noDigest = 'a digest to check by: Claude Code recorded no request that ends exactly here';

/** The history up to some reply, taken from a request that was recorded. */
interface Base {
  request: MessagesRequest;
  betas: string[];
  missing: string[];
  messages: RequestMessage[];
}

function contentOf(nodes: readonly ChainNode[]): ContentBlock[] {
  return nodes.flatMap((node) => node.entry.message?.content ?? []);
}

/** Blocks of the prompt that the person wrote, last first. */
function ownTexts(prompt: ChainNode): string[] {
  const texts = contentOf([prompt]).flatMap((block) =>
    block.type === 'text' && typeof block.text === 'string' ? [block.text] : [],
  );
  const own = texts.filter((text) => !isInjectedText(text));
  return (own.length === 0 ? texts : own).reverse();
}

/** Ways in which a block may hold the prompt, best first: Claude Code adds a line break or more where it joins texts. */
const holds: ((block: string, text: string) => boolean)[] = [
  (block, text) => block === text,
  (block, text) => block.trim() === text.trim(),
  (block, text) => text.trim() !== '' && block.includes(text),
];

/** The block of the last user message that holds the prompt's text; null where the prompt has none or it is not found. */
export function findPrompt(
  messages: readonly RequestMessage[],
  prompt: ChainNode,
): { message: number; block: number } | null {
  const message = messages.findLastIndex((candidate) => candidate.role === 'user');
  const content = messages[message]?.content;
  if (content === undefined || typeof content === 'string') return null;
  for (const text of ownTexts(prompt).map((own) => own.toWellFormed())) {
    for (const isHeld of holds) {
      const block = content.findLastIndex(
        (candidate) =>
          candidate.type === 'text' &&
          typeof candidate.text === 'string' &&
          isHeld(candidate.text.toWellFormed(), text),
      );
      if (block >= 0) return { message, block };
    }
  }
  return null;
}

/** What is offered for editing in place of a block: the person's own text where the block holds nothing else. */
export function editableText(block: string, prompt: ChainNode): string {
  return ownTexts(prompt).find((text) => text.trim() === block.trim()) ?? block;
}

/** Whole input of the request that a reply answered, in tokens. */
function inputTokensOf(reply: readonly ChainNode[]): number | null {
  const usage = reply.at(-1)?.entry.facts.usage ?? null;
  const total = usage === null ? 0 : usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  return total > 0 ? total : null;
}

/** Rebuilds what a fork at a cut sends, as well as the recording allows. */
export class RequestBuilder {
  readonly #tree: SessionTree;
  readonly #log: RecordedRequests;

  constructor(tree: SessionTree, log: RecordedRequests) {
    this.#tree = tree;
    this.#log = log;
  }

  /** @throws ForkPointError where the recording names no model at all */
  build(cut: Cut): RebuiltRequest {
    const recorded = this.#recordedAt(cut);
    if (recorded !== null)
      return { ...recorded, promptAt: this.#promptAt(recorded.request, cut), inputTokens: inputTokensOf(cut.reply) };
    const rebuilt = this.#fromLaterRequest(cut) ?? this.#fromEarlierRequest(cut) ?? this.#fromTranscript(cut);
    return {
      fidelity: 'reconstructed',
      digestVerified: false,
      missing: rebuilt.missing,
      request: rebuilt.request,
      betas: rebuilt.betas,
      promptAt: this.#promptAt(rebuilt.request, cut),
      inputTokens: inputTokensOf(cut.reply),
    };
  }

  #promptAt(request: MessagesRequest, cut: Cut): RebuiltRequest['promptAt'] {
    return cut.prompt === null ? null : findPrompt(request.messages, cut.prompt);
  }

  /** The very request that was sent here, where the log holds it whole. */
  #recordedAt(cut: Cut): Omit<RebuiltRequest, 'promptAt' | 'inputTokens'> | null {
    const ref = requestRefOf(cut.reply);
    for (const id of ref === null ? this.#unansweredAt(cut) : [ref]) {
      const recorded = this.#log.rebuild(id);
      if (recorded?.request == null) continue;
      if (cut.prompt !== null && ref === null && findPrompt(recorded.request.messages, cut.prompt) === null) continue;
      const { fidelity, digestVerified, missing, request, betas } = recorded;
      return { fidelity, digestVerified, missing, request, betas };
    }
    return null;
  }

  /** Requests that were sent for a prompt that got no reply: those logged before the next message of the conversation. */
  #unansweredAt(cut: Cut): string[] {
    if (cut.prompt === null || cut.reply.length > 0) return [];
    const from = cut.prompt.entry.line;
    const next = this.#tree.chain.nodes.find(
      (node) => node.entry.line > from && holdsMessage(node.entry) && !node.entry.facts.isMeta,
    );
    const until = next?.entry.line ?? Number.POSITIVE_INFINITY;
    return this.#log.ids().filter((id) => {
      const line = this.#log.lineOf(id) ?? 0;
      return line > from && line < until;
    });
  }

  /** The history before a reply, out of the request that the reply answered or of a later one that holds the reply. */
  #baseBefore(reply: readonly ChainNode[]): Base | null {
    const own = requestRefOf(reply);
    const recorded = own === null ? null : this.#log.rebuild(own);
    if (recorded?.request != null) {
      const { request, betas, missing } = recorded;
      return { request, betas, missing, messages: request.messages };
    }
    const found = this.#log.holding(indexedMessage({ role: 'assistant', content: contentOf(reply) }));
    if (found === null || found.recorded.request === null) return null;
    const { request, betas, missing } = found.recorded;
    return { request, betas, missing, messages: request.messages.slice(0, found.at) };
  }

  #fromLaterRequest(cut: Cut): { request: MessagesRequest; betas: string[]; missing: string[] } | null {
    if (cut.reply.length === 0) return null;
    const base = this.#baseBefore(cut.reply);
    if (base === null) return null;
    const model = cut.reply[0]?.entry.facts.model ?? base.request.model;
    return {
      request: { ...base.request, model, messages: base.messages },
      betas: base.betas,
      missing: [noDigest, ...base.missing],
    };
  }

  #fromEarlierRequest(cut: Cut): { request: MessagesRequest; betas: string[]; missing: string[] } | null {
    const nodes = this.#nodesOf(cut);
    const tried = new Set<string>();
    for (let at = nodes.length - 1; at >= 0; at -= 1) {
      const id = nodes[at]?.entry.facts.messageId ?? null;
      if (id === null || tried.has(id)) continue;
      tried.add(id);
      const lines = nodes.filter((node) => node.entry.facts.messageId === id);
      const base = this.#baseBefore(lines);
      if (base === null) continue;
      const history = historyMessages(base.messages, nodes.slice(nodes.indexOf(lines[0] as ChainNode)));
      return {
        request: { ...base.request, messages: history.messages },
        betas: base.betas,
        missing: [noDigest, ...base.missing, ...history.missing],
      };
    }
    return null;
  }

  #fromTranscript(cut: Cut): { request: MessagesRequest; betas: string[]; missing: string[] } {
    const history = historyMessages([], this.#nodesOf(cut));
    const shape = this.#shapeOf(history);
    const { tools, system, ...params } = shape.request;
    const missing = [...shape.missing, ...history.missing];
    if (!missing.includes(attachedContext)) missing.push(attachedContext);
    const request = {
      model: this.#modelOf(cut, params.model),
      max_tokens: params.max_tokens ?? assumedMaxTokens,
      ...Object.fromEntries(
        Object.entries(params).filter(([key]) => key !== 'model' && key !== 'max_tokens' && key !== 'messages'),
      ),
      ...(system === undefined ? {} : { system }),
      ...(tools === undefined ? {} : { tools }),
      messages: history.messages,
    };
    return { request, betas: shape.betas, missing };
  }

  #modelOf(cut: Cut, logged: string | undefined): string {
    const turns = this.#tree.session.turns;
    const near =
      turns.slice(0, cut.turn.index).findLast((turn) => turn.models.length > 0) ??
      turns.find((turn) => turn.models.length > 0);
    const model = cut.reply[0]?.entry.facts.model ?? cut.turn.models[0] ?? near?.models.at(-1) ?? logged;
    if (model !== undefined) return model;
    throw new ForkPointError(
      'The recording names no model: no reply of the session was recorded.',
      'Fork another session, or ask Claude Code once more and fork then.',
    );
  }

  /** System prompt, tools and parameters for a history that no logged request holds. */
  #shapeOf(history: History): { request: Partial<MessagesRequest>; betas: string[]; missing: string[] } {
    for (const id of this.#log.ids()) {
      const recorded = this.#log.rebuild(id);
      if (recorded?.request == null) continue;
      return {
        request: recorded.request,
        betas: recorded.betas,
        missing: [
          'the system prompt, tool definitions and parameters of this very point: those of another request of the session are used',
        ],
      };
    }
    const snapshot = this.#snapshot();
    const prompts = textListField(snapshot, 'systemPrompt').filter((text) => text.trim() !== '');
    const tools = toolsOfSnapshot(snapshot);
    const missing = [prompts.length === 0 ? 'system prompt' : 'the first lines of the system prompt'];
    const named = tools.length > 0 ? tools : toolsCalled(history.messages);
    if (tools.length === 0)
      missing.push(
        named.length === 0
          ? 'tool definitions'
          : 'tool definitions (only the names of the tools that were called are known)',
      );
    missing.push('request parameters (output limit, thinking, effort, beta features)');
    return {
      request: {
        ...(prompts.length === 0
          ? {}
          : { system: prompts.map((text) => ({ type: 'text', text: text.toWellFormed() })) }),
        ...(named.length === 0 ? {} : { tools: named }),
      },
      betas: [],
      missing,
    };
  }

  /** The fullest `prompt_snapshot` of the file: the second copy also holds the tools. */
  #snapshot(): JsonRecord | null {
    const found = this.#tree.chain.nodes
      .filter((node) => node.entry.type === 'attachment' && node.entry.facts.subtype === 'prompt_snapshot')
      .map((node) => recordField(node.entry.record, 'attachment'));
    return found.find((attachment) => Array.isArray(attachment?.tools)) ?? found[0] ?? null;
  }

  /** Records of the history in the order in which they were sent, from the last compaction on. */
  #nodesOf(cut: Cut): ChainNode[] {
    const path = pathTo(cut.upTo);
    const boundary = path.findLast((node) => isCompactBoundary(node.entry));
    const onPath = recordsOnPath(this.#tree.chain, cut.upTo);
    const ancestors = new Set(path);
    const kept = parentsFirst(
      this.#tree.chain.nodes.filter(
        (node) => onPath.has(node) && (ancestors.has(node) || node.order <= cut.upTo.order),
      ),
    );
    if (boundary === undefined) return kept;
    const after = kept.slice(kept.indexOf(boundary) + 1);
    const { anchor, uuids } = preservedBy(boundary.entry);
    const preserved = uuids.flatMap((uuid) => this.#tree.chain.byUuid.get(uuid) ?? []);
    const anchorAt = after.findIndex((node) => node.entry.uuid === anchor);
    return [...after.slice(0, anchorAt + 1), ...preserved, ...after.slice(anchorAt + 1)];
  }
}

/** Records in file order, but none before what it hangs on: Claude Code writes the first lines of a session out of order at times. */
function parentsFirst(nodes: readonly ChainNode[]): ChainNode[] {
  const waiting = new Set(nodes);
  const sorted: ChainNode[] = [];
  for (const node of nodes) {
    const line: ChainNode[] = [];
    for (let at: ChainNode | null = node; at !== null && waiting.delete(at); at = at.parent) line.push(at);
    sorted.push(...line.reverse());
  }
  return sorted;
}

const attachedContext = 'context that Claude Code attached, such as files and reminders';

/** Definitions that satisfy the API where only the calls are recorded. */
function toolsCalled(messages: readonly RequestMessage[]): { name: string; input_schema: { type: 'object' } }[] {
  const names = messages.flatMap((message) =>
    typeof message.content === 'string'
      ? []
      : message.content.flatMap((block) =>
          block.type === 'tool_use' && typeof block.name === 'string' ? [block.name] : [],
        ),
  );
  return [...new Set(names)].map((name) => ({ name, input_schema: { type: 'object' } }));
}

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
