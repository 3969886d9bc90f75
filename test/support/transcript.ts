import { createHash } from 'node:crypto';
import { type ParsedTranscript, parseTranscript } from '../../src/core/session/parseTranscript.ts';
import { buildSession, type SessionTree, type SubagentFile } from '../../src/core/session/turnTree.ts';
import type { Sha256 } from '../../src/core/sha256.ts';

/** A line of a made-up transcript. */
export type Line = Record<string, unknown>;

export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** A tool call of a made-up reply, with the result that is written behind it unless it is null. */
export interface CallSpec {
  id: string;
  name?: string;
  input?: unknown;
  result?: string | null;
}

/**
 * Writes the lines of a small transcript as Claude Code orders them: each line hangs on the one before, one line per
 * block of a reply. Ids are `u1`, `u2`, … in the order of writing; text is made up.
 */
export class TranscriptBuilder {
  readonly lines: Line[] = [];
  readonly sessionId: string;
  readonly cwd: string;
  readonly #uuidOf: (serial: number) => string;
  #last: string | null = null;
  #serial = 0;
  #replies = 0;

  constructor(options: { sessionId?: string; cwd?: string; uuidOf?: (serial: number) => string } = {}) {
    this.#uuidOf = options.uuidOf ?? ((serial) => `u${serial}`);
    this.sessionId = options.sessionId ?? 'session-1';
    this.cwd = options.cwd ?? '/work/slug-tools';
  }

  /** `uuid` of the last line. */
  get last(): string | null {
    return this.#last;
  }

  /** Makes the next line hang on an earlier one: a rewind. */
  goTo(uuid: string | null): this {
    this.#last = uuid;
    return this;
  }

  /** A line that is not part of the chain. */
  unchained(type: string, fields: Line = {}): this {
    this.lines.push({ type, ...fields, sessionId: this.sessionId });
    return this;
  }

  /** A chained line of any type; returns its `uuid`. */
  chained(type: string, fields: Line, parentUuid: string | null = this.#last): string {
    this.#serial += 1;
    const uuid = this.#uuidOf(this.#serial);
    const timestamp = new Date(Date.UTC(2026, 0, 1, 10, 0, this.#serial)).toISOString();
    const place = { cwd: this.cwd, sessionId: this.sessionId, version: '2.1.329', gitBranch: 'main' };
    this.lines.push({ parentUuid, isSidechain: false, type, ...fields, uuid, timestamp, ...place });
    this.#last = uuid;
    return uuid;
  }

  /** A prompt; returns its `uuid`. */
  prompt(content: string | Line[], fields: Line = {}): string {
    return this.chained('user', { message: { role: 'user', content }, ...fields });
  }

  /** A reply of text and tool calls, with the calls' results; returns the `uuid`s of its lines and results. */
  reply(
    text: string | null,
    calls: CallSpec[] = [],
    options: { model?: string; fields?: Line; id?: string } = {},
  ): string[] {
    this.#replies += 1;
    const id = options.id ?? `msg_${this.sessionId}_${this.#replies}`;
    const blocks: Line[] = text === null ? [] : [{ type: 'text', text }];
    blocks.push(
      ...calls.map((call) => ({ type: 'tool_use', id: call.id, name: call.name ?? 'Read', input: call.input ?? {} })),
    );
    const stop_reason = calls.length > 0 ? 'tool_use' : 'end_turn';
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 20 };
    const shared = { id, type: 'message', role: 'assistant', model: options.model ?? 'claude-opus-5-5' };
    const written = blocks.map((block) => ({
      block,
      uuid: this.chained('assistant', {
        message: { ...shared, content: [block], stop_reason, usage },
        ...options.fields,
      }),
    }));
    const results = calls.flatMap((call) => {
      const source = written.find(({ block }) => block.id === call.id)?.uuid;
      if (call.result === null || source === undefined) return [];
      const content = [{ type: 'tool_result', tool_use_id: call.id, content: call.result ?? 'done' }];
      return this.chained('user', { message: { role: 'user', content }, sourceToolAssistantUUID: source }, source);
    });
    return [...written.map(({ uuid }) => uuid), ...results];
  }

  /** The transcript as a file holds it. */
  text(): string {
    return this.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.text());
  }

  parsed(): ParsedTranscript {
    return parseTranscript(this.bytes());
  }

  tree(subagents: readonly SubagentFile[] = []): SessionTree {
    return treeOf(this.bytes(), this.sessionId, subagents);
  }
}

/** A session out of the bytes of its file. */
export function treeOf(
  bytes: Uint8Array,
  sessionId = 'session-1',
  subagents: readonly SubagentFile[] = [],
): SessionTree {
  const file = {
    sessionId,
    file: `/claude/projects/x/${sessionId}.jsonl`,
    bytes: bytes.length,
    customTitle: null,
    subagents,
  };
  return buildSession(parseTranscript(bytes), file);
}
