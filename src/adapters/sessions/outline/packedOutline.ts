import type { Usage } from '../../../core/api/usage.ts';
import { type EntryFacts, noFacts } from '../../../core/session/entryFacts.ts';
import { type LineSource, StoredEntry } from '../lineSource.ts';
import {
  type NameColumn,
  packNames,
  packNumbers,
  packTexts,
  type TextColumn,
  unpackNames,
  unpackTexts,
} from './columns.ts';

/** The outlines of some of a transcript's records, column by column: what is read back fast and takes little room. */
export interface PackedOutline {
  lines: Int32Array;
  /** Offsets in the file. */
  starts: Float64Array;
  lengths: Int32Array;
  types: NameColumn;
  uuids: TextColumn;
  parents: ReferenceColumn;
  timestamps: TextColumn;
  flags: Uint8Array;
  facts: {
    texts: Record<TextFact, TextColumn>;
    names: Record<NameFact, NameColumn>;
    blocks: NameColumn;
    /** Of each record that has some, its place and its four counts. */
    usagePlaces: Int32Array;
    usageCounts: Float64Array;
    sources: ReferenceColumn;
    toolUses: { counts: Int32Array; ids: TextColumn; names: NameColumn };
    toolResults: { counts: Int32Array; ids: TextColumn; errors: Uint8Array };
    prompts: TextColumn;
    attachments: Int32Array;
  };
}

/** `uuid`s of records: mostly those of the same transcript, of which the place says enough. */
interface ReferenceColumn {
  /** Place of the record in the whole transcript; -1 for none, -2 for one that is in `others`. */
  places: Int32Array;
  others: string[];
}

const textFacts = ['messageId', 'requestRef', 'absorbed', 'queued'] as const;
const nameFacts = [
  'subtype',
  'logicalParent',
  'model',
  'stopReason',
  'effort',
  'changedByHook',
  'apiError',
  'agentId',
] as const;
type TextFact = (typeof textFacts)[number];
type NameFact = (typeof nameFacts)[number];

const flag = { sidechain: 1, meta: 2, interrupted: 4, commandOutput: 8, oneBlock: 16, automatic: 32 };

function packReferences(values: readonly (string | null)[], places: ReadonlyMap<string, number>): ReferenceColumn {
  const others: string[] = [];
  const column = packNumbers(values, (value) => {
    if (value === null) return -1;
    const place = places.get(value);
    if (place !== undefined) return place;
    others.push(value);
    return -2;
  });
  return { places: column, others };
}

function unpackReferences({ places, others }: ReferenceColumn, uuids: readonly (string | null)[]): (string | null)[] {
  let other = 0;
  return Array.from(places, (place) => {
    if (place >= 0) return uuids[place] ?? null;
    if (place === -1) return null;
    other += 1;
    return others[other - 1] ?? null;
  });
}

function byName<Name extends string, Column>(
  names: readonly Name[],
  make: (name: Name) => Column,
): Record<Name, Column> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, Column>;
}

function flagsOf({ isSidechain, facts }: StoredEntry): number {
  return (
    (isSidechain ? flag.sidechain : 0) |
    (facts.isMeta ? flag.meta : 0) |
    (facts.interrupted ? flag.interrupted : 0) |
    (facts.isCommandOutput ? flag.commandOutput : 0) |
    ((facts.prompt ?? facts.automatic)?.isOneBlock === true ? flag.oneBlock : 0) |
    (facts.automatic !== null ? flag.automatic : 0)
  );
}

/** So many records lie in one part: who needs the beginning of a transcript only reads no more. */
const partLength = 1024;

/** How many parts so many records take. */
export function partsOf(records: number): number {
  return Math.ceil(records / partLength);
}

/** Takes the outlines apart into columns, part by part; `unpackOutlines` puts the same ones together. */
export function* packOutlines(entries: readonly StoredEntry[]): Generator<PackedOutline, void> {
  const places = new Map<string, number>();
  for (const [place, { uuid }] of entries.entries()) if (uuid !== null) places.set(uuid, place);
  for (let at = 0; at < entries.length; at += partLength) yield packOutline(entries.slice(at, at + partLength), places);
}

/** @param places of all records of the transcript by `uuid` */
function packOutline(entries: readonly StoredEntry[], places: ReadonlyMap<string, number>): PackedOutline {
  const facts = entries.map((entry) => entry.facts);
  const uses = facts.flatMap(({ toolUses }) => toolUses);
  const results = facts.flatMap(({ toolResults }) => toolResults);
  const withUsage = [...facts.keys()].filter((place) => facts[place]?.usage !== null);
  return {
    lines: packNumbers(entries, ({ line }) => line),
    starts: Float64Array.from(entries, ({ place }) => place.start),
    lengths: packNumbers(entries, ({ place }) => place.length),
    types: packNames(entries.map(({ type }) => type)),
    uuids: packTexts(entries.map(({ uuid }) => uuid)),
    parents: packReferences(
      entries.map(({ parentUuid }) => parentUuid),
      places,
    ),
    timestamps: packTexts(entries.map(({ timestamp }) => timestamp)),
    flags: Uint8Array.from(entries, flagsOf),
    facts: {
      texts: byName(textFacts, (name) => packTexts(facts.map((fact) => fact[name]))),
      names: byName(nameFacts, (name) => packNames(facts.map((fact) => fact[name]))),
      blocks: packNames(facts.map(({ blocks }) => (blocks.length === 0 ? null : JSON.stringify(blocks)))),
      usagePlaces: Int32Array.of(...withUsage),
      usageCounts: Float64Array.from(withUsage.flatMap((place) => countsOf(facts[place]?.usage ?? null))),
      sources: packReferences(
        facts.map(({ sourceCall }) => sourceCall),
        places,
      ),
      toolUses: {
        counts: packNumbers(facts, ({ toolUses }) => toolUses.length),
        ids: packTexts(uses.map(({ id }) => id)),
        names: packNames(uses.map(({ name }) => name)),
      },
      toolResults: {
        counts: packNumbers(facts, ({ toolResults }) => toolResults.length),
        ids: packTexts(results.map(({ id }) => id)),
        errors: Uint8Array.from(results, ({ isError }) => (isError ? 1 : 0)),
      },
      prompts: packTexts(facts.map(({ prompt, automatic }) => (prompt ?? automatic)?.text ?? null)),
      attachments: packNumbers(facts, ({ prompt, automatic }) => (prompt ?? automatic)?.attachments ?? 0),
    },
  };
}

function countsOf(usage: Usage | null): number[] {
  if (usage === null) return [];
  return [usage.inputTokens, usage.outputTokens, usage.cacheReadTokens, usage.cacheWriteTokens];
}

function unpackUsage({ usagePlaces, usageCounts }: PackedOutline['facts']): Map<number, Usage> {
  return new Map(
    Array.from(usagePlaces, (place, index) => {
      const [inputTokens = 0, outputTokens = 0, cacheReadTokens = 0, cacheWriteTokens = 0] = usageCounts.subarray(
        index * 4,
        index * 4 + 4,
      );
      return [place, { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }];
    }),
  );
}

/** Deals out a list in parts. */
function dealer<T>(items: readonly T[]): (count: number) => readonly T[] {
  let at = 0;
  return (count) => {
    if (count === 0) return [];
    at += count;
    return items.slice(at - count, at);
  };
}

function unpackFacts(
  packed: PackedOutline['facts'],
  flags: Uint8Array,
  uuids: readonly (string | null)[],
): EntryFacts[] {
  const texts = byName(textFacts, (name) => unpackTexts(packed.texts[name]));
  const names = byName(nameFacts, (name) => unpackNames(packed.names[name]));
  const blockLists = packed.blocks.names.map((list) => JSON.parse(list) as string[]);
  const usage = unpackUsage(packed);
  const sources = unpackReferences(packed.sources, uuids);
  const useNames = unpackNames(packed.toolUses.names);
  const uses = dealer(
    unpackTexts(packed.toolUses.ids).map((id, index) => ({ id: id ?? '', name: useNames[index] ?? '' })),
  );
  const results = dealer(
    unpackTexts(packed.toolResults.ids).map((id, index) => ({
      id: id ?? '',
      isError: packed.toolResults.errors[index] === 1,
    })),
  );
  const prompts = unpackTexts(packed.prompts);
  return Array.from(flags, (bits, place): EntryFacts => {
    const toolUses = uses(packed.toolUses.counts[place] ?? 0);
    const toolResults = results(packed.toolResults.counts[place] ?? 0);
    const isAutomatic = (bits & flag.automatic) !== 0;
    const text = prompts[place] ?? null;
    const asked =
      text === null
        ? null
        : { text, attachments: packed.attachments[place] ?? 0, isOneBlock: (bits & flag.oneBlock) !== 0 };
    return {
      subtype: names.subtype[place] ?? null,
      logicalParent: names.logicalParent[place] ?? null,
      isMeta: (bits & flag.meta) !== 0,
      messageId: texts.messageId[place] ?? null,
      model: names.model[place] ?? null,
      usage: usage.get(place) ?? null,
      stopReason: names.stopReason[place] ?? null,
      effort: names.effort[place] ?? null,
      blocks: blockLists[packed.blocks.codes[place] ?? -1] ?? noFacts.blocks,
      toolUses: toolUses.length === 0 ? noFacts.toolUses : toolUses,
      toolResults: toolResults.length === 0 ? noFacts.toolResults : toolResults,
      sourceCall: sources[place] ?? null,
      agentId: names.agentId[place] ?? null,
      requestRef: texts.requestRef[place] ?? null,
      changedByHook: names.changedByHook[place] ?? null,
      apiError: names.apiError[place] ?? null,
      interrupted: (bits & flag.interrupted) !== 0,
      isCommandOutput: (bits & flag.commandOutput) !== 0,
      prompt: isAutomatic ? null : asked,
      automatic: isAutomatic ? asked : null,
      absorbed: texts.absorbed[place] ?? null,
      queued: texts.queued[place] ?? null,
    };
  });
}

/**
 * Puts outlines together again.
 * @param parts the first ones of a transcript, in order. Where later ones are left out, what refers to them refers to nothing
 * @param source reads the contents of the same file
 */
export function unpackOutlines(parts: readonly PackedOutline[], source: LineSource): StoredEntry[] {
  const uuids = parts.flatMap((part) => unpackTexts(part.uuids));
  let from = 0;
  return parts.flatMap((part) => {
    const own = uuids.slice(from, (from += part.lines.length));
    return unpackOutline(part, own, uuids, source);
  });
}

/** @param own `uuid`s of the part's records @param uuids of the records of all parts */
function unpackOutline(
  packed: PackedOutline,
  own: readonly (string | null)[],
  uuids: readonly (string | null)[],
  source: LineSource,
): StoredEntry[] {
  const types = unpackNames(packed.types);
  const parents = unpackReferences(packed.parents, uuids);
  const timestamps = unpackTexts(packed.timestamps);
  const facts = unpackFacts(packed.facts, packed.flags, uuids);
  return Array.from(packed.lines, (line, place) => {
    const outline = {
      type: types[place] ?? '',
      uuid: own[place] ?? null,
      parentUuid: parents[place] ?? null,
      timestamp: timestamps[place] ?? null,
      isSidechain: ((packed.flags[place] ?? 0) & flag.sidechain) !== 0,
      facts: facts[place] ?? noFacts,
    };
    return new StoredEntry(outline, line, source, packed.starts[place] ?? 0, packed.lengths[place] ?? 0);
  });
}
