import type { Usage } from '../../../core/api/usage.ts';
import { blockTypes, type EntryFacts, noFacts } from '../../../core/session/entryFacts.ts';
import { type RecordPlace, titleTypes } from '../../../core/session/sessionSummary.ts';
import { timeOf } from '../../../core/session/transcriptEntry.ts';
import { type KeyName, keyNames, keyNumber, type LineSkimmer } from './lineSkimmer.ts';

/** What is known of a record that was not parsed. */
export interface QuickEntry {
  type: string;
  uuid: string | null;
  parentUuid: string | null;
  timestamp: string | null;
  isSidechain: boolean;
  facts: EntryFacts;
  place: RecordPlace;
}

const key = Object.fromEntries(keyNames.map((name) => [name, keyNumber(name)])) as Record<KeyName, number>;
const openBrace = 0x7b;
const openBracket = 0x5b;
const letterT = 0x74;
const quote = 0x22;
const absent = -1;
const nowhere: RecordPlace = { sessionId: null, projectPath: null, gitBranch: null, version: null, forkedFrom: null };

/** Members of a content block, as far as an outline asks. */
interface BlockPlaces {
  type: number;
  id: number;
  name: number;
  toolUseId: number;
  isError: number;
}

/**
 * Reads a record from the places of its members, exactly as a whole parse would: of members with one name the last counts.
 * Records of which more is needed (prompts, errors, titles, system messages) are left to the whole parse.
 */
export class QuickReader {
  readonly #line: LineSkimmer;
  /** Member of each key, of the record itself and of the objects in it that are looked into. */
  readonly #top = new Int32Array(keyNames.length + 1);
  readonly #message = new Int32Array(keyNames.length + 1);
  readonly #usage = new Int32Array(keyNames.length + 1);
  #attachmentType = absent;
  #forkedFrom = absent;
  #agentId = absent;
  #hookRecord = absent;
  #firstBlock = absent;
  /** The facts of attachments differ in few ways, and so do brief ones of replies. */
  readonly #attachments = new Map<string, EntryFacts>();
  readonly #briefReplies = new Map<string | null, EntryFacts>();
  /** The `uuid` of the record before: mostly the next one names it, and need not hold the same text once more. */
  #last: string | null = null;
  /** What the lines of one reply have in common. */
  #lastMessageId: string | null = null;
  #lastUsage: Usage | null = null;

  constructor(line: LineSkimmer) {
    this.#line = line;
  }

  /**
   * The record of the line that was skimmed last; null where it must be parsed whole.
   * @param brief whether facts that a summary doesn't need may be left out
   */
  read(brief = false): QuickEntry | null {
    this.#locate();
    const type = this.#text(this.#top, 'type');
    if (type === null || type === 'system') return null;
    if (type === 'queue-operation' && !brief) return null;
    const uuid = this.#text(this.#top, 'uuid') || null;
    if (uuid === null && titleTypes.has(type)) return null;
    const facts = this.#facts(type, brief);
    if (facts === null) return null;
    const parentUuid = this.#reference('parentUuid');
    if (uuid !== null) this.#last = uuid;
    return {
      type,
      uuid,
      parentUuid,
      timestamp: timeOf(this.#text(this.#top, 'timestamp')),
      isSidechain: this.#isTrue('isSidechain'),
      facts,
      place: uuid === null ? nowhere : this.#place(),
    };
  }

  /** Finds the members that count. */
  #locate(): void {
    const line = this.#line;
    this.#top.fill(absent);
    this.#forgetMessage();
    this.#attachmentType = this.#forkedFrom = this.#agentId = this.#hookRecord = absent;
    let top = 0;
    let inMessage = 0;
    const { count } = line;
    for (let member = 0; member < count; member += 1) {
      const number = line.key(member);
      const depth = line.depth(member);
      if (depth === 1) {
        top = number;
        inMessage = 0;
        this.#top[number] = member;
        this.#forget(number);
      } else if (depth === 2) {
        inMessage = number;
        this.#noteBelow(top, number, member);
      } else if (depth === 3 && top === key.message) {
        if (inMessage === key.usage) this.#usage[number] = member;
        else if (inMessage === key.content && number === 0 && this.#firstBlock === absent) this.#firstBlock = member;
      }
    }
  }

  /** Of two members with one name the first is void, with all that it holds. */
  #forget(number: number): void {
    if (number === key.message) this.#forgetMessage();
    else if (number === key.attachment) this.#attachmentType = absent;
    else if (number === key.forkedFrom) this.#forkedFrom = absent;
    else if (number === key.toolUseResult) this.#agentId = absent;
    else if (number === key.requestHookChanged) this.#hookRecord = absent;
  }

  #forgetMessage(): void {
    this.#message.fill(absent);
    this.#usage.fill(absent);
    this.#firstBlock = absent;
  }

  #noteBelow(top: number, number: number, member: number): void {
    if (top === key.message) {
      this.#message[number] = member;
      if (number === key.usage) this.#usage.fill(absent);
      else if (number === key.content) this.#firstBlock = absent;
    } else if (top === key.attachment && number === key.type) this.#attachmentType = member;
    else if (top === key.forkedFrom && number === key.sessionId) this.#forkedFrom = member;
    else if (top === key.toolUseResult && number === key.agentId) this.#agentId = member;
    else if (top === key.requestHookChanged && number === key.record) this.#hookRecord = member;
  }

  #facts(type: string, brief: boolean): EntryFacts | null {
    if (type === 'assistant' || type === 'user') return this.#messageFacts(type, brief);
    return type === 'attachment' ? this.#attachmentFacts() : noFacts;
  }

  #attachmentFacts(): EntryFacts | null {
    const subtype = this.#object('attachment') ? this.#textAt(this.#attachmentType) || null : null;
    // What the person wrote stands in it.
    if (subtype === 'queued_command') return null;
    const isMeta = this.#isTrue('isMeta');
    const id = `${String(isMeta)} ${subtype ?? ''}`;
    const known = this.#attachments.get(id) ?? { ...noFacts, subtype, isMeta };
    this.#attachments.set(id, known);
    return known;
  }

  #messageFacts(type: 'assistant' | 'user', brief: boolean): EntryFacts | null {
    const role = this.#object('message') ? this.#text(this.#message, 'role') : null;
    const content = this.#message[key.content] as number;
    if (role === null || content === absent || this.#line.kind(content) !== openBracket) return null;
    if (this.#isTrue('isApiErrorMessage')) return null;
    const blocks = this.#blocks();
    if (blocks === null) return null;
    if (type === 'assistant') return brief ? this.#briefReplyFacts() : this.#replyFacts(blocks);
    // Texts and images are a prompt, or what Claude Code put in its place: that is told by what they say.
    if (blocks.length === 0 || blocks.some((block) => this.#textAt(block.type) !== 'tool_result')) return null;
    return brief ? this.#withLogicalParent(noFacts) : this.#resultFacts(blocks);
  }

  #briefReplyFacts(): EntryFacts {
    const model = this.#text(this.#message, 'model');
    const known = this.#briefReplies.get(model) ?? { ...noFacts, model };
    this.#briefReplies.set(model, known);
    return this.#withLogicalParent(known);
  }

  /** @param facts which many records share */
  #withLogicalParent(facts: EntryFacts): EntryFacts {
    const logicalParent = this.#text(this.#top, 'logicalParentUuid') || null;
    return logicalParent === null ? facts : { ...facts, logicalParent };
  }

  #replyFacts(blocks: readonly BlockPlaces[]): EntryFacts {
    const uses = blocks.flatMap((block) => {
      const [id, name] =
        this.#textAt(block.type) === 'tool_use' ? [this.#textAt(block.id), this.#textAt(block.name)] : [];
      return typeof id === 'string' && typeof name === 'string' ? { id, name } : [];
    });
    return {
      ...noFacts,
      logicalParent: this.#text(this.#top, 'logicalParentUuid') || null,
      isMeta: this.#isTrue('isMeta'),
      blocks: this.#blockTypes(blocks),
      messageId: this.#messageId(),
      model: this.#text(this.#message, 'model'),
      usage: this.#usageFacts(),
      stopReason: this.#text(this.#message, 'stop_reason'),
      effort: this.#text(this.#top, 'effort') || null,
      toolUses: uses.length === 0 ? noFacts.toolUses : uses,
      requestRef: this.#text(this.#top, 'requestRef') || null,
      changedByHook: this.#object('requestHookChanged') ? this.#textAt(this.#hookRecord) || null : null,
      interrupted: this.#isTrue('isAbortedMidStream'),
    };
  }

  #resultFacts(blocks: readonly BlockPlaces[]): EntryFacts {
    const results = blocks.flatMap(({ toolUseId, isError }) => {
      const id = this.#textAt(toolUseId);
      return id === null ? [] : { id, isError: isError !== absent && this.#line.kind(isError) === letterT };
    });
    return {
      ...noFacts,
      logicalParent: this.#text(this.#top, 'logicalParentUuid') || null,
      isMeta: this.#isTrue('isMeta'),
      blocks: this.#blockTypes(blocks),
      toolResults: results.length === 0 ? noFacts.toolResults : results,
      sourceCall: this.#reference('sourceToolAssistantUUID'),
      agentId: this.#object('toolUseResult') ? this.#textAt(this.#agentId) || null : null,
    };
  }

  #blockTypes(blocks: readonly BlockPlaces[]): readonly string[] {
    return blockTypes(blocks.map(({ type }) => this.#textAt(type) ?? ''));
  }

  #messageId(): string | null {
    const id = this.#text(this.#message, 'id');
    if (id !== this.#lastMessageId) this.#lastMessageId = id;
    return this.#lastMessageId;
  }

  #usageFacts(): Usage | null {
    const member = this.#message[key.usage] as number;
    if (member === absent || this.#line.kind(member) !== openBrace) return null;
    const usage: Usage = {
      inputTokens: this.#count('input_tokens'),
      outputTokens: this.#count('output_tokens'),
      cacheReadTokens: this.#count('cache_read_input_tokens'),
      cacheWriteTokens: this.#count('cache_creation_input_tokens'),
    };
    if (this.#lastUsage === null || !isSameUsage(usage, this.#lastUsage)) this.#lastUsage = usage;
    return this.#lastUsage;
  }

  /** The message's content blocks; null where one of them is none. */
  #blocks(): BlockPlaces[] | null {
    const line = this.#line;
    const blocks: BlockPlaces[] = [];
    const { count } = line;
    if (this.#firstBlock === absent) return blocks;
    for (let member = this.#firstBlock; member < count && line.depth(member) >= 3; ) {
      if (line.kind(member) !== openBrace) return null;
      const block = { type: absent, id: absent, name: absent, toolUseId: absent, isError: absent };
      for (member += 1; member < count && line.depth(member) === 4; member += 1) {
        const number = line.key(member);
        if (number === key.type) block.type = member;
        else if (number === key.id) block.id = member;
        else if (number === key.name) block.name = member;
        else if (number === key.tool_use_id) block.toolUseId = member;
        else if (number === key.is_error) block.isError = member;
      }
      if (block.type === absent || line.kind(block.type) !== quote) return null;
      blocks.push(block);
    }
    return blocks;
  }

  #place(): RecordPlace {
    return {
      sessionId: this.#text(this.#top, 'sessionId') || null,
      projectPath: this.#text(this.#top, 'cwd') || null,
      gitBranch: this.#text(this.#top, 'gitBranch') || null,
      version: this.#text(this.#top, 'version') || null,
      forkedFrom: this.#object('forkedFrom') ? this.#textAt(this.#forkedFrom) || null : null,
    };
  }

  #reference(name: KeyName): string | null {
    const text = this.#text(this.#top, name) || null;
    return text === this.#last ? this.#last : text;
  }

  #object(name: KeyName): boolean {
    const member = this.#top[key[name]] as number;
    return member !== absent && this.#line.kind(member) === openBrace;
  }

  #isTrue(name: KeyName): boolean {
    const member = this.#top[key[name]] as number;
    return member !== absent && this.#line.kind(member) === letterT;
  }

  /** A count of tokens; what is none counts as 0, as in a whole parse. */
  #count(name: KeyName): number {
    const member = this.#usage[key[name]] as number;
    const value = member === absent ? null : this.#line.number(member);
    return value !== null && Number.isFinite(value) ? value : 0;
  }

  #text(members: Int32Array, name: KeyName): string | null {
    return this.#textAt(members[key[name]] as number);
  }

  #textAt(member: number): string | null {
    return member === absent ? null : this.#line.text(member);
  }
}

function isSameUsage(a: Usage, b: Usage): boolean {
  return (
    a.inputTokens === b.inputTokens &&
    a.outputTokens === b.outputTokens &&
    a.cacheReadTokens === b.cacheReadTokens &&
    a.cacheWriteTokens === b.cacheWriteTokens
  );
}
