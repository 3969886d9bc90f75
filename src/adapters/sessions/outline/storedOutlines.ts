import { blockTypes, type EntryFacts, type FactsDraft, noFacts } from '../../../core/session/entryFacts.ts';
import type { FileStamp } from '../../fileStamp.ts';
import { type LineSource, StoredEntry } from '../lineSource.ts';
import type { Outlines, Part } from './outlineIndex.ts';
import { partOf } from './partOf.ts';

/** The outline of a record. Of its facts those that say something. */
type Outline = readonly [
  line: number,
  start: number,
  length: number,
  type: string,
  uuid: string | null,
  parentUuid: string | null,
  timestamp: string | null,
  isSidechain: boolean,
  facts: Partial<EntryFacts>,
];

/** Some of a transcript's outlines. */
interface StoredPart {
  state: FileStamp;
  outlines: Outline[];
}

/** So many records lie in one part: who needs the beginning of a transcript reads no more. */
const partLength = 1024;

const factNames = Object.keys(noFacts) as (keyof EntryFacts)[];

function outlineOf(entry: StoredEntry): Outline {
  const { line, place, type, uuid, parentUuid, timestamp, isSidechain } = entry;
  const facts: { -readonly [Name in keyof EntryFacts]?: unknown } = {};
  for (const name of factNames) if (entry.facts[name] !== noFacts[name]) facts[name] = entry.facts[name];
  const said = facts as Partial<EntryFacts>;
  return [line, place.start, place.length, type, uuid, parentUuid, timestamp, isSidechain, said];
}

function entryOf(outline: Outline, source: LineSource): StoredEntry {
  const [line, start, length, type, uuid, parentUuid, timestamp, isSidechain, said] = outline;
  const facts: FactsDraft = { ...noFacts, ...said };
  // Most messages hold one block, and share their list.
  facts.blocks = blockTypes(facts.blocks);
  return new StoredEntry({ type, uuid, parentUuid, timestamp, isSidechain, facts }, line, source, start, length);
}

/** What is to be cached of a transcript's records, in parts. @param state of its file when they were read */
export function* partsOfRecords(entries: readonly StoredEntry[], state: FileStamp): Generator<Part, void> {
  for (let at = 0; at < entries.length; at += partLength) {
    const outlines = entries.slice(at, at + partLength).map(outlineOf);
    yield [`outlines ${at}`, { state, outlines } satisfies StoredPart, 'json'];
  }
}

/**
 * The outlines of a transcript's records as another process has read them; null where they are not known for this state of it.
 * @param records so many from the first on are wanted
 * @param source reads the contents of the same file
 */
export function cachedEntries(
  outlines: Outlines,
  file: string,
  state: FileStamp,
  records: number,
  source: LineSource,
): StoredEntry[] | null {
  const entries: StoredEntry[] = [];
  while (entries.length < records) {
    const stored = partOf<StoredPart>(outlines, file, `outlines ${entries.length}`, state);
    if (stored === null) return null;
    for (const outline of stored.outlines) entries.push(entryOf(outline, source));
  }
  return entries.slice(0, records);
}
