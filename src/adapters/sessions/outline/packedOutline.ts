import type { Usage } from '../../../core/api/usage.ts';
import { type EntryFacts, type FactsDraft, noFacts } from '../../../core/session/entryFacts.ts';
import { type FactName, factsKeptAs } from '../../../core/session/recordTable.ts';
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
  flags: Int32Array;
  facts: {
    texts: Record<TextFact, TextColumn>;
    names: Record<NameFact, NameColumn>;
    blocks: NameColumn;
    /** Of each record that has some, its place and its four counts. */
    usagePlaces: Int32Array;
    usageCounts: Float64Array;
    references: Record<ReferenceFact, ReferenceColumn>;
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

const textFacts = factsKeptAs('text');
const nameFacts = factsKeptAs('name');
const referenceFacts = factsKeptAs('reference');
/** A bit each, from the first on. */
const flagFacts = factsKeptAs('flag');
type TextFact = (typeof textFacts)[number];
type NameFact = (typeof nameFacts)[number];
type ReferenceFact = (typeof referenceFacts)[number];

/** The bits behind these. */
const [isSidechainBit, isOneBlockBit, isAutomaticBit] = [0, 1, 2].map((at) => 1 << (flagFacts.length + at)) as [
  number,
  number,
  number,
];

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
  let bits = flagFacts.reduce((sum, name, at) => (facts[name] ? sum | (1 << at) : sum), 0);
  if (isSidechain) bits |= isSidechainBit;
  if ((facts.prompt ?? facts.automatic)?.isOneBlock === true) bits |= isOneBlockBit;
  if (facts.automatic !== null) bits |= isAutomaticBit;
  return bits;
}

/** So many records lie in one part: who needs the beginning of a transcript reads no more. */
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
    flags: packNumbers(entries, flagsOf),
    facts: {
      texts: byName(textFacts, (name) => packTexts(facts.map((fact) => fact[name]))),
      names: byName(nameFacts, (name) => packNames(facts.map((fact) => fact[name]))),
      blocks: packNames(facts.map(({ blocks }) => (blocks.length === 0 ? null : JSON.stringify(blocks)))),
      usagePlaces: Int32Array.of(...withUsage),
      usageCounts: Float64Array.from(withUsage.flatMap((place) => countsOf(facts[place]?.usage ?? null))),
      references: byName(referenceFacts, (name) =>
        packReferences(
          facts.map((fact) => fact[name]),
          places,
        ),
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
  flags: Int32Array,
  uuids: readonly (string | null)[],
): EntryFacts[] {
  const columns: [FactName, (string | null)[]][] = [
    ...textFacts.map((name): [FactName, (string | null)[]] => [name, unpackTexts(packed.texts[name])]),
    ...nameFacts.map((name): [FactName, (string | null)[]] => [name, unpackNames(packed.names[name])]),
    ...referenceFacts.map((name): [FactName, (string | null)[]] => [
      name,
      unpackReferences(packed.references[name], uuids),
    ]),
  ];
  const blockLists = packed.blocks.names.map((list) => JSON.parse(list) as string[]);
  const usage = unpackUsage(packed);
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
    const isAutomatic = (bits & isAutomaticBit) !== 0;
    const text = prompts[place] ?? null;
    const asked =
      text === null
        ? null
        : { text, attachments: packed.attachments[place] ?? 0, isOneBlock: (bits & isOneBlockBit) !== 0 };
    const facts: FactsDraft = {
      ...noFacts,
      usage: usage.get(place) ?? null,
      blocks: blockLists[packed.blocks.codes[place] ?? -1] ?? noFacts.blocks,
      toolUses: toolUses.length === 0 ? noFacts.toolUses : toolUses,
      toolResults: toolResults.length === 0 ? noFacts.toolResults : toolResults,
      prompt: isAutomatic ? null : asked,
      automatic: isAutomatic ? asked : null,
    };
    const plain = facts as Record<FactName, string | boolean | null>;
    for (const [at, name] of flagFacts.entries()) plain[name] = (bits & (1 << at)) !== 0;
    for (const [name, column] of columns) plain[name] = column[place] ?? null;
    return facts;
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
      isSidechain: ((packed.flags[place] ?? 0) & isSidechainBit) !== 0,
      facts: facts[place] ?? noFacts,
    };
    return new StoredEntry(outline, line, source, packed.starts[place] ?? 0, packed.lengths[place] ?? 0);
  });
}
