import type { StoredReply } from './storedReply.ts';

type Loose = { [key: string]: unknown };
type Block = StoredReply['content'][number];

/** What one stream event means for those who watch: new text, or a new count of output tokens. */
export interface Progress {
  text: string | null;
  outputTokens: number | null;
}

const isObject = (value: unknown): value is Loose => typeof value === 'object' && value !== null;
const numberOr = (value: unknown, other: number): number => (typeof value === 'number' ? value : other);
const textOr = (value: unknown): string => (typeof value === 'string' ? value : '');
const stringOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/**
 * Puts a streamed reply together. Blocks and deltas of kinds that we don't know are kept as far as they go: a reply is
 * sent back whole in the next request.
 */
export class ReplyAccumulator {
  readonly #content: Block[] = [];
  /** Inputs of tool calls arrive as pieces of JSON text, by index of their block. */
  readonly #json = new Map<number, string>();
  readonly #usage: StoredReply['usage'] = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  #model: string | null = null;
  #stopReason: string | null = null;
  #begun = false;
  #complete = false;
  #counted = false;

  /** Has anything of a reply come? */
  get begun(): boolean {
    return this.#begun;
  }

  /** Did the stream say that the reply is over? */
  get complete(): boolean {
    return this.#complete;
  }

  /** The text blocks so far, joined with blank lines. */
  get text(): string {
    return this.#content
      .filter((block) => block.type === 'text')
      .map((block) => String(block.text))
      .join('\n\n');
  }

  add(event: unknown): Progress {
    const none: Progress = { text: null, outputTokens: null };
    if (!isObject(event)) return none;
    switch (event.type) {
      case 'message_start':
        return this.#start(event.message);
      case 'content_block_start':
        if (typeof event.index === 'number' && isObject(event.content_block)) {
          const block = { ...event.content_block, type: String(event.content_block.type) };
          this.#content[event.index] = block;
          return { text: opening(block), outputTokens: null };
        }
        return none;
      case 'content_block_delta':
        return { text: this.#delta(event.index, event.delta), outputTokens: null };
      case 'content_block_stop':
        this.#closeBlock(event.index);
        return none;
      case 'message_delta':
        if (isObject(event.delta)) this.#stopReason = stringOrNull(event.delta.stop_reason) ?? this.#stopReason;
        return { text: null, outputTokens: this.#count(event.usage) };
      case 'message_stop':
        this.#complete = true;
        return none;
      default:
        return none;
    }
  }

  reply(requestId: string | null): StoredReply {
    return {
      content: this.#content.filter((block) => block !== undefined),
      model: this.#model,
      stopReason: this.#stopReason,
      usage: { ...this.#usage },
      ...(!this.#counted && { usageMissing: true }),
      requestId,
    };
  }

  #start(message: unknown): Progress {
    this.#begun = true;
    if (!isObject(message)) return { text: null, outputTokens: null };
    this.#model = stringOrNull(message.model);
    return { text: null, outputTokens: this.#count(message.usage) };
  }

  #delta(index: unknown, delta: unknown): string | null {
    if (typeof index !== 'number' || !isObject(delta)) return null;
    const block = this.#content[index];
    if (block === undefined) return null;
    const append = (field: string, piece: unknown): void => {
      block[field] = textOr(block[field]) + textOr(piece);
    };
    switch (delta.type) {
      case 'text_delta':
        append('text', delta.text);
        return textOr(delta.text);
      case 'thinking_delta':
        append('thinking', delta.thinking);
        return null;
      case 'signature_delta':
        block.signature = delta.signature;
        return null;
      case 'citations_delta':
        block.citations = [...(Array.isArray(block.citations) ? block.citations : []), delta.citation];
        return null;
      case 'compaction_delta':
        append('content', delta.content);
        return null;
      case 'input_json_delta':
        this.#json.set(index, (this.#json.get(index) ?? '') + textOr(delta.partial_json));
        return null;
      default:
        return null;
    }
  }

  #closeBlock(index: unknown): void {
    if (typeof index !== 'number') return;
    const json = this.#json.get(index);
    const block = this.#content[index];
    if (json === undefined || json === '' || block === undefined) return;
    // A reply that ran into max_tokens may stop inside the JSON; the text is then all there is.
    try {
      block.input = JSON.parse(json);
    } catch {
      block.input = { unfinished_json: json };
    }
  }

  /** Counters are totals of the whole message; those that don't apply are left out. Returns the output tokens so far. */
  #count(usage: unknown): number | null {
    if (!isObject(usage)) return null;
    this.#counted = true;
    const known = this.#usage;
    known.inputTokens = numberOr(usage.input_tokens, known.inputTokens);
    known.outputTokens = numberOr(usage.output_tokens, known.outputTokens);
    known.cacheReadTokens = numberOr(usage.cache_read_input_tokens, known.cacheReadTokens);
    known.cacheWriteTokens = numberOr(usage.cache_creation_input_tokens, known.cacheWriteTokens);
    const created = usage.cache_creation;
    const hour = numberOr(isObject(created) ? created.ephemeral_1h_input_tokens : 0, known.cacheWriteHourTokens ?? 0);
    if (hour > 0) known.cacheWriteHourTokens = hour;
    const tools = usage.server_tool_use;
    const searches = numberOr(isObject(tools) ? tools.web_search_requests : 0, known.webSearches ?? 0);
    if (searches > 0) known.webSearches = searches;
    if (usage.speed === 'fast') known.fast = true;
    return known.outputTokens;
  }
}

function opening(block: Block): string | null {
  return block.type === 'text' && typeof block.text === 'string' && block.text !== '' ? block.text : null;
}
