import { noUsage, type Usage } from '../../../core/api/usage.ts';
import { blockTypes, type EntryFacts, type FactsDraft, noFacts, putFact } from '../../../core/session/entryFacts.ts';
import { type FactField, factFields, placeTable, titleTypes, usageTable } from '../../../core/session/recordTable.ts';
import { type RecordPlace, recordPlace } from '../../../core/session/sessionSummary.ts';
import { timeOf } from '../../../core/session/transcriptEntry.ts';
import { absent, FieldPlaces, nodeOf } from './fieldPlaces.ts';
import { keyNumber, type LineSkimmer } from './lineSkimmer.ts';

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

const openBrace = 0x7b;
const openBracket = 0x5b;
const letterT = 0x74;
const quote = 0x22;
const nowhere: RecordPlace = recordPlace(placeTable, () => null);

const [typeNode, uuidNode, parentNode, timeNode, sidechainNode] = nodesOf(
  'type',
  'uuid',
  'parentUuid',
  'timestamp',
  'isSidechain',
);
const [messageNode, roleNode, contentNode, usageNode, errorNode] = nodesOf(
  'message',
  'message.role',
  'message.content',
  'message.usage',
  'isApiErrorMessage',
);
const usageNodes = Object.entries(usageTable).map(
  ([name, field]) => [name as keyof Usage, nodeOf(`message.usage.${field}`)] as const,
);
const placeNodes = Object.fromEntries(Object.entries(placeTable).map(([name, path]) => [name, nodeOf(path)])) as {
  [Name in keyof RecordPlace]: number;
};
const factNodes = new Map(
  [...factFields].map(([type, fields]) => [type, fields.map((field) => ({ field, node: nodeOf(field.path) }))]),
);
const attachmentNodes = factNodes.get('attachment') ?? [];
const blockKey = {
  type: keyNumber('type'),
  id: keyNumber('id'),
  name: keyNumber('name'),
  toolUseId: keyNumber('tool_use_id'),
  isError: keyNumber('is_error'),
};

function nodesOf(...paths: [string, string, string, string, string]): [number, number, number, number, number] {
  return paths.map(nodeOf) as [number, number, number, number, number];
}

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
  readonly #places: FieldPlaces;
  /** The facts of attachments differ in few ways. */
  readonly #attachments = new Map<string, EntryFacts>();
  /** The `uuid` of the record before: mostly the next one names it, and need not hold the same text once more. */
  #lastUuid: string | null = null;
  /** What each field said last: the lines of one reply have most of it in common. */
  readonly #lastTexts: (string | null)[] = [];
  #lastUsage: Usage | null = null;

  constructor(line: LineSkimmer) {
    this.#line = line;
    this.#places = new FieldPlaces(line);
  }

  /** The record of the line that was skimmed last; null where it must be parsed whole. */
  read(): QuickEntry | null {
    this.#places.locate();
    const type = this.#text(typeNode);
    if (type === null || type === 'system' || type === 'queue-operation') return null;
    const uuid = this.#text(uuidNode) || null;
    if (uuid === null && titleTypes.has(type)) return null;
    const facts = this.#facts(type);
    if (facts === null) return null;
    const parentUuid = this.#reference(parentNode);
    if (uuid !== null) this.#lastUuid = uuid;
    return {
      type,
      uuid,
      parentUuid,
      timestamp: timeOf(this.#text(timeNode)),
      isSidechain: this.#isTrue(sidechainNode),
      facts,
      place: uuid === null ? nowhere : recordPlace(placeNodes, (node) => this.#text(node) || null),
    };
  }

  #facts(type: string): EntryFacts | null {
    if (type === 'assistant' || type === 'user') return this.#messageFacts(type);
    return type === 'attachment' ? this.#attachmentFacts() : noFacts;
  }

  /** What the record's fields say. */
  #plainFacts(type: string): FactsDraft {
    const facts = { ...noFacts };
    for (const { field, node } of factNodes.get(type) ?? [])
      if (this.#places.at(node) !== absent) putFact(facts, field, this.#value(field, node));
    return facts;
  }

  #value({ as }: FactField, node: number): string | boolean | null {
    if (as === 'flag') return this.#isTrue(node);
    if (as === 'reference') return this.#reference(node);
    const text = this.#text(node);
    if (text !== this.#lastTexts[node]) this.#lastTexts[node] = text;
    return this.#lastTexts[node] ?? null;
  }

  #attachmentFacts(): EntryFacts | null {
    const id = JSON.stringify(attachmentNodes.map(({ field, node }) => this.#value(field, node)));
    const facts = this.#attachments.get(id) ?? this.#plainFacts('attachment');
    // What the person wrote stands in it.
    if (facts.subtype === 'queued_command') return null;
    this.#attachments.set(id, facts);
    return facts;
  }

  #messageFacts(type: 'assistant' | 'user'): EntryFacts | null {
    if (this.#kind(messageNode) !== openBrace || this.#text(roleNode) === null) return null;
    if (this.#kind(contentNode) !== openBracket || this.#isTrue(errorNode)) return null;
    const blocks = this.#blocks();
    if (blocks === null) return null;
    const isReply = type === 'assistant';
    // Texts and images are a prompt, or what Claude Code put in its place: that is told by what they say.
    const isResult = blocks.length > 0 && blocks.every((block) => this.#textAt(block.type) === 'tool_result');
    if (!isReply && !isResult) return null;
    const facts = this.#plainFacts(type);
    facts.blocks = blockTypes(blocks.map((block) => this.#textAt(block.type) ?? ''));
    if (isReply) {
      facts.usage = this.#usage();
      facts.toolUses = this.#toolUses(blocks);
    } else facts.toolResults = this.#toolResults(blocks);
    return facts;
  }

  #toolUses(blocks: readonly BlockPlaces[]): EntryFacts['toolUses'] {
    const uses = blocks.flatMap((block) => {
      const [id, name] =
        this.#textAt(block.type) === 'tool_use' ? [this.#textAt(block.id), this.#textAt(block.name)] : [];
      return typeof id === 'string' && typeof name === 'string' ? { id, name } : [];
    });
    return uses.length === 0 ? noFacts.toolUses : uses;
  }

  #toolResults(blocks: readonly BlockPlaces[]): EntryFacts['toolResults'] {
    const results = blocks.flatMap(({ toolUseId, isError }) => {
      const id = this.#textAt(toolUseId);
      return id === null ? [] : { id, isError: isError !== absent && this.#line.kind(isError) === letterT };
    });
    return results.length === 0 ? noFacts.toolResults : results;
  }

  #usage(): Usage | null {
    if (this.#kind(usageNode) !== openBrace) return null;
    const usage = { ...noUsage };
    for (const [name, node] of usageNodes) usage[name] = this.#count(node);
    if (this.#lastUsage === null || !isSameUsage(usage, this.#lastUsage)) this.#lastUsage = usage;
    return this.#lastUsage;
  }

  /** The message's content blocks; null where one of them is none. */
  #blocks(): BlockPlaces[] | null {
    const line = this.#line;
    const blocks: BlockPlaces[] = [];
    const { count } = line;
    const { firstBlock } = this.#places;
    if (firstBlock === absent) return blocks;
    for (let member = firstBlock; member < count && line.depth(member) >= 3; ) {
      if (line.kind(member) !== openBrace) return null;
      const block = { type: absent, id: absent, name: absent, toolUseId: absent, isError: absent };
      for (member += 1; member < count && line.depth(member) === 4; member += 1) {
        const number = line.key(member);
        if (number === blockKey.type) block.type = member;
        else if (number === blockKey.id) block.id = member;
        else if (number === blockKey.name) block.name = member;
        else if (number === blockKey.toolUseId) block.toolUseId = member;
        else if (number === blockKey.isError) block.isError = member;
      }
      if (block.type === absent || line.kind(block.type) !== quote) return null;
      blocks.push(block);
    }
    return blocks;
  }

  #reference(node: number): string | null {
    const text = this.#text(node) || null;
    return text === this.#lastUuid ? this.#lastUuid : text;
  }

  /** First byte of the value there; `absent` where there is none. */
  #kind(node: number): number {
    const member = this.#places.at(node);
    return member === absent ? absent : this.#line.kind(member);
  }

  #isTrue(node: number): boolean {
    return this.#kind(node) === letterT;
  }

  /** A count of tokens; what is none counts as 0, as in a whole parse. */
  #count(node: number): number {
    const member = this.#places.at(node);
    const value = member === absent ? null : this.#line.number(member);
    return value !== null && Number.isFinite(value) ? value : 0;
  }

  #text(node: number): string | null {
    return this.#textAt(this.#places.at(node));
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
