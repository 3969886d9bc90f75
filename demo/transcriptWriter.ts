import { createHash } from 'node:crypto';
import { canonicalJson } from '../src/core/canonicalJson.ts';

type Loose = Record<string, unknown>;
export type Block = { type: string } & Loose;

interface Message {
  role: 'user' | 'assistant';
  content: Block[];
}

/** What a tool answered: what the model got, and what Claude Code keeps of it beside. */
export interface ToolResult {
  content: string;
  isError?: boolean;
  toolUseResult: unknown;
}

export interface WriterOptions {
  sessionId: string;
  cwd: string;
  version: string;
  gitBranch: string;
  /** ISO 8601. */
  startsAt: string;
  system: Block[];
  tools: Loose[];
  /** Put before the first prompt, as Claude Code puts its reminders there. */
  reminder: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const tokensOf = (value: unknown): number => Math.ceil(JSON.stringify(value).length / 4);
const cacheControl = { type: 'ephemeral' };

/** US dollars for a million tokens: input, output, cache read, cache write. For the cost that the sample session states. */
const prices: Record<string, [number, number, number, number]> = {
  'claude-sonnet-4-5': [3, 15, 0.3, 3.75],
  'claude-opus-4-5': [5, 25, 0.5, 6.25],
};

/**
 * Writes a session in the form in which Claude Code records one, request log included: every request's messages by hash,
 * and a digest over the whole of it.
 */
export class TranscriptWriter {
  readonly #options: WriterOptions;
  readonly #lines: Loose[] = [];
  #messages: Message[] = [];
  #parent: string | null = null;
  #serial = 0;
  #at: number;
  #promptId = '';
  #model = '';
  #base: { id: string; hashes: string[] } | null = null;
  #cachedTokens = 0;
  #cost = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#at = Date.parse(options.startsAt);
  }

  /** A user's prompt. Returns its `uuid`. */
  prompt(text: string, model: string): string {
    this.#model = model;
    this.#promptId = this.#id('prompt');
    this.#pass(95);
    const first = this.#messages.length === 0;
    const uuid = this.#chained('user', {
      promptId: this.#promptId,
      message: { role: 'user', content: text },
      permissionMode: 'acceptEdits',
      promptSource: 'cli',
    });
    const prompt: Block = { type: 'text', text };
    const content = first ? [{ type: 'text', text: this.#options.reminder }, prompt] : [prompt];
    this.#messages.push({ role: 'user', content });
    return uuid;
  }

  /** A reply of the model with the results of the tools that it calls, in order of the calls. */
  reply(content: Block[], results: ToolResult[] = []): void {
    const requestRef = this.#logRequest();
    const messageId = `msg_${this.#id('message').replaceAll('-', '').slice(0, 22)}`;
    const calls = content.filter((block) => block.type === 'tool_use');
    const usage = this.#usage(content);
    const uuids = content.map((block, index) => {
      this.#pass(3);
      return this.#chained('assistant', {
        message: {
          id: messageId,
          type: 'message',
          role: 'assistant',
          model: this.#model,
          content: [block],
          stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn',
          stop_sequence: null,
          usage,
        },
        apiBlockIndex: index,
        requestId: `req_${this.#id('request').replaceAll('-', '').slice(0, 22)}`,
        requestRef,
      });
    });
    this.#messages.push({ role: 'assistant', content });
    const callUuids = uuids.filter((_, index) => content[index]?.type === 'tool_use');
    const answers = calls.map((call, index) => this.#result(call, callUuids[index] ?? '', results[index]));
    if (answers.length > 0) this.#messages.push({ role: 'user', content: answers });
  }

  /** Goes back to before the last prompt, as a rewind does: what followed it stays in the file, abandoned. */
  rewindTo(mark: Mark): void {
    this.#parent = mark.parent;
    this.#messages = [...mark.messages];
    this.#base = mark.base;
    this.#cachedTokens = mark.cachedTokens;
  }

  mark(): Mark {
    const { parent, messages } = { parent: this.#parent, messages: [...this.#messages] };
    return { parent, messages, base: this.#base, cachedTokens: this.#cachedTokens };
  }

  /** Any line outside the chain. */
  note(line: Loose): void {
    this.#lines.push({ ...line, sessionId: this.#options.sessionId });
  }

  /** The whole file. */
  finish(lastPrompt: string): string {
    this.note({ type: 'last-prompt', lastPrompt, leafUuid: this.#parent });
    this.note({ type: 'cost-state', totalCostUSD: Number(this.#cost.toFixed(6)) });
    return this.#lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }

  #result(call: Block, callUuid: string, result: ToolResult | undefined): Block {
    if (result === undefined) throw new Error(`The call of ${String(call.name)} has no result.`);
    const block: Block = {
      tool_use_id: call.id,
      type: 'tool_result',
      content: result.content,
      ...(result.isError === true ? { is_error: true } : {}),
    };
    this.#pass(2);
    this.#chained('user', {
      promptId: this.#promptId,
      message: { role: 'user', content: [block] },
      toolUseResult: result.toolUseResult,
      sourceToolAssistantUUID: callUuid,
    });
    return block;
  }

  #chained(type: string, fields: Loose): string {
    const { cwd, sessionId, version, gitBranch } = this.#options;
    const uuid = this.#id('line');
    this.#lines.push({
      parentUuid: this.#parent,
      isSidechain: false,
      ...fields,
      type,
      uuid,
      timestamp: this.#now(),
      userType: 'external',
      entrypoint: 'cli',
      cwd,
      sessionId,
      version,
      gitBranch,
    });
    this.#parent = uuid;
    return uuid;
  }

  #logRequest(): string {
    const { system, tools, version } = this.#options;
    const shape = { system, tools };
    const shapeHash = sha256(canonicalJson(shape));
    const common = { timestamp: this.#now(), version };
    if (!this.#lines.some((line) => line.shapeHash === shapeHash)) {
      this.note({ type: 'api-request-shape', shapeHash, ...common, shape });
    }
    const hashes = this.#messages.map((message) => sha256(canonicalJson(message)));
    this.#blobOfFirstMessage(hashes[0] ?? '');
    const opus = this.#model.includes('opus');
    const params = {
      model: this.#model,
      betas: ['interleaved-thinking-2025-05-14'],
      max_tokens: 32_000,
      ...(opus ? { output_config: { effort: 'medium' } } : {}),
    };
    const id = this.#id('api-request');
    const keep = this.#base === null ? 0 : sharedLength(this.#base.hashes, hashes);
    const breakpoints = this.#breakpoints();
    this.note({
      type: 'api-request',
      id,
      ...common,
      querySource: 'repl_main_thread',
      shapeHash,
      params,
      ...(this.#base === null ? {} : { base: this.#base.id }),
      keep,
      tail: hashes.slice(keep),
      cacheControl: breakpoints.map((path) => ({ path, value: cacheControl })),
      requestDigest: sha256(
        canonicalJson(withCacheControl({ ...shape, ...params, messages: this.#messages }, breakpoints)),
      ),
    });
    this.#base = { id, hashes };
    return id;
  }

  // The first message holds the reminder, which stands in no line of the transcript.
  #blobOfFirstMessage(hash: string): void {
    if (this.#lines.some((line) => line.type === 'api-request-blob' && line.hash === hash)) return;
    this.note({ type: 'api-request-blob', hash, message: this.#messages[0] });
  }

  #breakpoints(): (string | number)[][] {
    const last = this.#messages.length - 1;
    const block = (this.#messages[last]?.content.length ?? 1) - 1;
    return [
      ['system', this.#options.system.length - 1],
      ['messages', last, 'content', block],
    ];
  }

  #usage(content: Block[]): Loose {
    const total = tokensOf([this.#options.system, this.#options.tools, this.#messages]);
    const usage = {
      input_tokens: 4,
      cache_creation_input_tokens: Math.max(0, total - this.#cachedTokens),
      cache_read_input_tokens: this.#cachedTokens,
      output_tokens: tokensOf(content),
    };
    this.#cachedTokens = total;
    const [input, output, read, write] = prices[this.#model] ?? [0, 0, 0, 0];
    this.#cost +=
      (usage.input_tokens * input +
        usage.output_tokens * output +
        usage.cache_read_input_tokens * read +
        usage.cache_creation_input_tokens * write) /
      1e6;
    return usage;
  }

  #pass(seconds: number): void {
    this.#at += seconds * 1000;
  }

  #now(): string {
    return new Date(this.#at).toISOString();
  }

  // Made from a count, so that writing the file again changes nothing.
  #id(kind: string): string {
    this.#serial += 1;
    const hex = sha256(`${this.#options.sessionId} ${kind} ${this.#serial}`);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }
}

export interface Mark {
  parent: string | null;
  messages: Message[];
  base: { id: string; hashes: string[] } | null;
  cachedTokens: number;
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}

function withCacheControl(request: Loose, paths: readonly (string | number)[][]): Loose {
  const copy = structuredClone(request);
  for (const path of paths) {
    const block = path.reduce<unknown>((at, key) => (at as Loose)[key as string], copy) as Loose;
    block.cache_control = cacheControl;
  }
  return copy;
}
