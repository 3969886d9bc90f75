import type { LineSink } from './lineSink.ts';
import type { Random } from './random.ts';
import { type Block, RequestLogWriter, type RequestShape } from './requestLogWriter.ts';
import type { TextPool } from './textPool.ts';

/** A file to write: which session, where it was recorded, how its turns come out. */
export interface SessionSpec {
  sessionId: string;
  /** Set for a subagent's file. */
  agentId?: string;
  cwd: string;
  startedAt: number;
  /** Null: a version without a request log. */
  shape: RequestShape | null;
  /** After how many turns the history is compacted. */
  turnsToCompaction: number;
  /** Writes the file of a subagent that a tool call started; absent where none are wanted. */
  startSubagent?: ((agentId: string, toolUseId: string) => void) | undefined;
}

interface State {
  parent: string | null;
  /** Messages of the conversation, as the request log counts them. */
  length: number;
}

interface Call {
  id: string;
  name: string;
  uuid: string;
}

/**
 * Writes one transcript turn by turn with Claude Code's line kinds and order of keys: string and array prompts, images,
 * parallel calls whose results come in any order, rewinds, compactions, interruptions, API errors, commands that never
 * reach the model, and the request log with real hashes and digests.
 */
export class SessionWriter {
  readonly #spec: SessionSpec;
  readonly #sink: LineSink;
  readonly #pool: TextPool;
  readonly #random: Random;
  readonly #log: RequestLogWriter | null;
  readonly #place: Block;
  #parent: string | null = null;
  #time: number;
  #promptId = '';
  #turnsInContext = 0;
  #bytes = 0;
  /** Blocks of the user lines since the last reply: what the next request sends as one message. */
  #unsent: Block[] = [];
  /** Whether the log must hold that message: it is not made of lines alone. */
  #unsentIsBlob = true;
  #beforeTurn: State = { parent: null, length: 0 };
  /** Text that the next tool result carries. */
  planted: string | null = null;

  constructor(spec: SessionSpec, sink: LineSink, pool: TextPool, random: Random) {
    this.#spec = spec;
    this.#sink = sink;
    this.#pool = pool;
    this.#random = random;
    this.#time = spec.startedAt;
    const agent = spec.agentId === undefined ? {} : { agentId: spec.agentId };
    const ids = { sessionId: spec.sessionId, ...agent };
    this.#log = spec.shape === null ? null : new RequestLogWriter(ids, spec.shape, random, (line) => this.#write(line));
    const version = spec.shape === null ? '2.1.200' : '2.1.329';
    const { cwd, sessionId } = spec;
    this.#place = { userType: 'external', entrypoint: 'cli', cwd, sessionId, version, gitBranch: 'main' };
  }

  /**
   * One prompt and everything up to the next one.
   * @param bytes about how large
   * @returns the prompt's `uuid`
   */
  turn(index: number, bytes: number): string {
    const random = this.#random;
    if (this.#turnsInContext >= this.#spec.turnsToCompaction) this.#compact();
    // Now and then a person goes back: the next prompt hangs where the last one hung.
    else if (this.#turnsInContext > 1 && random.chance(0.05)) this.#goTo(this.#beforeTurn);
    this.#beforeTurn = { parent: this.#parent, length: this.#log?.length ?? 0 };
    this.#turnsInContext += 1;
    this.#bytes = bytes;
    const end = this.#sink.about + bytes;
    if (random.chance(0.03)) this.#localCommand();
    const prompt = this.#prompt(index);
    if (random.chance(0.03)) this.#apiError();
    const rounds = random.between(1, 4);
    for (let round = 0; round < rounds; round += 1) {
      // Half of a result stands in the message, the other half beside it.
      const left = Math.max(200, (end - this.#sink.about) / 2 / (rounds - round));
      this.#callTools(index, left);
    }
    if (random.chance(0.03)) this.#interrupt();
    else this.#say([{ type: 'text', text: this.#pool.prose(random, random.between(20, 120)) }], 'end_turn');
    this.#unchained('last-prompt', { lastPrompt: `${index + 1}.`, leafUuid: this.#parent });
    if (random.chance(0.3)) this.#unchained('cost-state', { totalCostUSD: index / 10, hasUnknownModelCost: false });
    return prompt;
  }

  /** Lines of a title that Claude Code made up. */
  title(): void {
    this.#unchained('ai-title', { aiTitle: this.#pool.prose(this.#random, 5) });
  }

  #prompt(index: number): string {
    const random = this.#random;
    this.#promptId = random.uuid();
    const text = `${index + 1}. ${this.#pool.prose(random, random.between(6, 60))}`;
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: this.#image() } };
    const content = random.chance(0.3) ? [...(random.chance(0.3) ? [image] : []), { type: 'text', text }] : text;
    const isMain = this.#spec.agentId === undefined;
    if (isMain) this.#unchained('queue-operation', { operation: 'dequeue', timestamp: this.#now() });
    const uuid = this.#user(content, {
      ...(isMain ? { permissionMode: 'acceptEdits', promptSource: 'typed' } : {}),
      ...(this.#log === null || !isMain ? {} : { turnPosition: { promptIndex: 0, turnIndex: index + 1 } }),
    });
    const attachment = { type: 'session_context', context: {} };
    if (index === 0 || random.chance(0.2)) this.#chain({ attachment, type: 'attachment' }, {});
    return uuid;
  }

  #image(): string {
    // In small turns images are small, too.
    return this.#pool.base64(this.#random, 4 * Math.min(this.#random.between(500, 15_000), 20 + (this.#bytes >> 4)));
  }

  /** A reply that calls tools, one line for each block, and the results in any order. */
  #callTools(index: number, bytes: number): void {
    const random = this.#random;
    const count = random.chance(0.3) ? random.between(2, 4) : 1;
    const uses = Array.from({ length: count }, (_, at) => {
      const name = random.pick(['Read', 'Bash', 'Edit', 'Grep']);
      const id = `toolu_${random.hex(24)}`;
      return { type: 'tool_use', name, input: { file_path: `${this.#spec.cwd}/src/${index}/${at}.ts` }, id };
    });
    const startSubagent = random.chance(0.02) ? this.#spec.startSubagent : undefined;
    const [first] = uses;
    if (startSubagent !== undefined && first !== undefined) first.name = 'Agent';
    const thinking = { type: 'thinking', thinking: this.#pool.prose(random, 20), signature: random.hex(200) };
    const spoken = random.chance(0.5) ? [{ type: 'text', text: this.#pool.prose(random, 20) }] : [];
    const blocks: Block[] = [...(random.chance(0.3) ? [thinking] : []), ...spoken, ...uses];
    const written = this.#say(blocks, 'tool_use').slice(-count);
    const calls = uses.map((use, at): Call => ({ id: use.id, name: use.name, uuid: written[at] ?? '' }));
    if (random.chance(0.5)) calls.reverse();
    for (const call of calls) {
      const agentId = call.name === 'Agent' ? `a${random.hex(16)}` : null;
      if (agentId !== null) startSubagent?.(agentId, call.id);
      this.#result(call, bytes / count, agentId);
    }
  }

  #result(call: Call, bytes: number, agentId: string | null): void {
    const random = this.#random;
    const image = random.chance(0.02) ? this.#image() : null;
    const text = `${this.planted ?? ''}${this.#pool.code(random, Math.round(bytes))}`;
    this.planted = null;
    const content =
      image === null ? text : [{ type: 'image', source: { type: 'base64', data: image, media_type: 'image/png' } }];
    const beside =
      agentId !== null
        ? { isAsync: true, status: 'async_launched', agentId, prompt: 'Look into it.' }
        : image !== null
          ? { type: 'image', file: { base64: image, type: 'image/png' } }
          : call.name === 'Bash'
            ? { stdout: text, stderr: '', interrupted: false, isImage: false }
            : { type: 'text', file: { filePath: `${this.#spec.cwd}/src/file.ts`, content: text, startLine: 1 } };
    const result = { tool_use_id: call.id, type: 'tool_result', content };
    const source = { toolUseResult: beside, sourceToolAssistantUUID: call.uuid };
    this.#user([result], source);
  }

  /** A command that Claude Code ran itself: no turn. */
  #localCommand(): void {
    this.#user('<local-command-caveat>The command below was run directly.</local-command-caveat>', { isMeta: true });
    this.#user('<command-name>/model</command-name>\n<command-message>model</command-message>', {});
    this.#user('<local-command-stdout>Set model to Sonnet</local-command-stdout>', {});
  }

  #apiError(): void {
    const usage = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
    const content = [{ type: 'text', text: 'API Error: 529 Overloaded' }];
    const message = {
      id: this.#random.uuid(),
      model: '<synthetic>',
      role: 'assistant',
      type: 'message',
      usage,
      content,
    };
    this.#chain({ type: 'assistant' }, { message, isApiErrorMessage: true });
  }

  #interrupt(): void {
    this.#user([{ type: 'text', text: '[Request interrupted by user]' }], {});
  }

  #compact(): void {
    const before = this.#parent;
    const compactMetadata = { trigger: 'auto', preTokens: 160_000, postTokens: 3000 };
    const content = 'Conversation compacted';
    const uuid = this.#random.uuid();
    this.#write({
      parentUuid: null,
      logicalParentUuid: before,
      isSidechain: false,
      type: 'system',
      subtype: 'compact_boundary',
      content,
      isMeta: false,
      timestamp: this.#now(),
      uuid,
      level: 'info',
      compactMetadata,
      ...this.#place,
    });
    this.#goTo({ parent: uuid, length: 0 });
    this.#turnsInContext = 0;
    const summary = `This session is being continued from a previous conversation.\n${this.#pool.prose(this.#random, 300)}`;
    this.#user(summary, { isVisibleInTranscriptOnly: true, isCompactSummary: true });
  }

  #goTo(state: State): void {
    this.#parent = state.parent;
    this.#log?.rewind(state.length);
    this.#unsent = [];
    this.#unsentIsBlob = state.length === 0;
  }

  /** A user line; it is sent with the next request. */
  #user(content: string | Block[], after: Block): string {
    this.#unsent.push(...(typeof content === 'string' ? [{ type: 'text', text: content }] : content));
    return this.#chain({ promptId: this.#promptId, type: 'user', message: { role: 'user', content } }, after);
  }

  /** Sends what is unsent and writes the reply, one line for each block. @returns the lines' `uuid`s */
  #say(blocks: Block[], stopReason: string): string[] {
    const reminder = { type: 'text', text: '<system-reminder>\nThis is a benchmark.\n</system-reminder>' };
    const sent = this.#unsentIsBlob ? [reminder, ...this.#unsent] : this.#unsent;
    const requestRef = this.#log?.send(sent, this.#now(), this.#unsentIsBlob);
    this.#unsent = [];
    this.#unsentIsBlob = false;
    this.#log?.addReply(blocks);
    const usage = {
      input_tokens: 12,
      cache_creation_input_tokens: 400,
      cache_read_input_tokens: 9000,
      output_tokens: 80,
      server_tool_use: { web_search_requests: 0, web_fetch_requests: 0 },
      service_tier: 'standard',
    };
    const model = requestRef === undefined ? 'claude-sonnet-4-5' : 'claude-opus-5-5';
    const id = `msg_${this.#spec.sessionId.slice(0, 8)}${this.#random.hex(12)}`;
    const requestId = `req_${this.#random.hex(20)}`;
    return blocks.map((block, apiBlockIndex) => {
      const head = { id, type: 'message', role: 'assistant', model, content: [block] };
      const message = { ...head, stop_reason: stopReason, stop_sequence: null, usage };
      const logged = requestRef === undefined ? {} : { apiBlockIndex, requestId, requestRef, requestedModel: model };
      return this.#chain({ message, ...(requestRef === undefined ? { requestId } : logged), type: 'assistant' }, {});
    });
  }

  /** @param before fields in front of `uuid`, as Claude Code orders them; @param after those behind `timestamp` */
  #chain(before: Block, after: Block): string {
    const uuid = this.#random.uuid();
    const { agentId } = this.#spec;
    const agent = agentId === undefined ? {} : { agentId };
    const head = { parentUuid: this.#parent, isSidechain: agentId !== undefined, ...agent };
    this.#write({ ...head, ...before, uuid, timestamp: this.#now(), ...after, ...this.#place });
    this.#parent = uuid;
    return uuid;
  }

  #unchained(type: string, fields: Block): void {
    this.#write({ type, ...fields, sessionId: this.#spec.sessionId });
  }

  #now(): string {
    this.#time += this.#random.between(200, 20_000);
    return new Date(this.#time).toISOString();
  }

  #write(line: Block): void {
    this.#sink.write(JSON.stringify(line));
  }
}
