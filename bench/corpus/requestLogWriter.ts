import { createHash, type Hash } from 'node:crypto';
import { canonicalJson } from '../../src/core/canonicalJson.ts';
import type { Random } from './random.ts';
import type { TextPool } from './textPool.ts';

export type Block = Record<string, unknown>;
type Message = { role: 'user' | 'assistant'; content: Block[] };

const ephemeral = { type: 'ephemeral' };
const params = {
  model: 'claude-opus-5-5',
  betas: ['claude-code-20250219', 'interleaved-thinking-2025-05-14', 'context-management-2025-06-27'],
  max_tokens: 128_000,
  thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'medium' },
};

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** System prompt and tools, which all requests of a project share. */
export interface RequestShape {
  shape: Block;
  hash: string;
  /** Canonical text of what follows the messages in a request, with the cache marks of the system prompt. */
  rest: string;
}

/** A shape of about the size that Claude Code sends (38 kB). */
export function makeShape(pool: TextPool, random: Random): RequestShape {
  const system = [
    { type: 'text', text: 'You are an agent in a benchmark.' },
    { type: 'text', text: pool.code(random, 7000) },
  ];
  const names = ['Agent', 'Bash', 'Edit', 'Glob', 'Grep', 'Read', 'Skill', 'TodoWrite', 'WebFetch', 'Write'];
  const tools = names.map((name) => ({
    name,
    description: pool.code(random, 2300),
    input_schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { path: { description: pool.prose(random, 20), type: 'string' } },
      required: ['path'],
      additionalProperties: false,
    },
  }));
  const { betas: _before, context_management: _this, max_tokens: _too, ...after } = params;
  const marked = system.map((block) => ({ ...block, cache_control: ephemeral }));
  return {
    shape: { system, tools },
    hash: sha256(canonicalJson({ system, tools })),
    rest: canonicalJson({ ...after, tools, system: marked }).slice(1),
  };
}

/**
 * Writes the request log of one file as Claude Code does: hashes of messages, the digest of each whole request.
 *
 * The digest of request N covers the whole history, so hashing each request from its beginning would be quadratic. The
 * hash of what all later requests share is kept instead and only continued.
 */
export class RequestLogWriter {
  readonly #write: (line: Block) => void;
  readonly #random: Random;
  readonly #ids: Block;
  readonly #shape: RequestShape;
  #shapeWritten = false;
  /** Canonical text and hash of each message of the conversation as it stands. */
  #messages: { text: string; hash: string }[] = [];
  #shared: { hash: Hash; upTo: number } | null = null;
  #base: { id: string; length: number } | null = null;

  /** @param ids `sessionId`, and `agentId` in a subagent's file */
  constructor(ids: Block, shape: RequestShape, random: Random, write: (line: Block) => void) {
    this.#ids = ids;
    this.#shape = shape;
    this.#random = random;
    this.#write = write;
  }

  /** How many messages the conversation holds now: what `rewind` takes. */
  get length(): number {
    return this.#messages.length;
  }

  /** The conversation goes on from an earlier state; after a compaction from nothing. */
  rewind(length: number): void {
    this.#messages.length = length;
    this.#shared = null;
    this.#base = null;
  }

  /** A reply, once it is whole. */
  addReply(content: Block[]): void {
    this.#add({ role: 'assistant', content });
  }

  /**
   * Logs the request that sends these blocks.
   * @param asBlob the log holds the message itself, because the transcript's lines do not
   * @returns the request's id
   */
  send(content: Block[], timestamp: string, asBlob: boolean): string {
    const message: Message = { role: 'user', content };
    this.#add(message);
    if (!this.#shapeWritten) {
      this.#write({ type: 'api-request-shape', ...this.#ids, shapeHash: this.#shape.hash, shape: this.#shape.shape });
      this.#shapeWritten = true;
    }
    const last = this.#messages.length - 1;
    const tail = this.#messages.slice(this.#base?.length ?? 0).map(({ hash }) => hash);
    if (asBlob) this.#write({ type: 'api-request-blob', ...this.#ids, hash: tail.at(-1), message });
    const id = this.#random.uuid();
    this.#write({
      type: 'api-request',
      ...this.#ids,
      id,
      timestamp,
      version: '2.1.329',
      querySource: 'sdk',
      shapeHash: this.#shape.hash,
      params,
      ...(this.#base === null ? {} : { base: this.#base.id }),
      keep: this.#base?.length ?? 0,
      tail,
      cacheControl: [
        { path: ['system', 0], value: ephemeral },
        { path: ['system', 1], value: ephemeral },
        { path: ['messages', last, 'content', content.length - 1], value: ephemeral },
      ],
      requestDigest: this.#digest(message),
    });
    this.#base = { id, length: this.#messages.length };
    return id;
  }

  #add(message: Message): void {
    const text = canonicalJson(message);
    this.#messages.push({ text, hash: sha256(text) });
  }

  #digest(last: Message): string {
    const { betas, context_management, max_tokens } = params;
    const marked = last.content.map((block, at) =>
      at === last.content.length - 1 ? { ...block, cache_control: ephemeral } : block,
    );
    const start = canonicalJson({ betas, context_management, max_tokens }).slice(0, -1);
    this.#shared ??= { hash: createHash('sha256').update(`${start},"messages":[`), upTo: 0 };
    for (; this.#shared.upTo < this.#messages.length - 1; this.#shared.upTo += 1)
      this.#shared.hash.update(`${this.#messages[this.#shared.upTo]?.text},`);
    return this.#shared.hash
      .copy()
      .update(`${canonicalJson({ ...last, content: marked })}],${this.#shape.rest}`)
      .digest('hex');
  }
}
