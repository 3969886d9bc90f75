import zlib from 'node:zlib';
import { groupBy } from '../../core/groupBy.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { parseJsonBytes } from '../parseJsonBytes.ts';
import { CacheDatabase } from '../sqlite/cacheDatabase.ts';
import type { ForeignTitle } from './foreignTitles.ts';
import { indexVersion } from './indexVersion.ts';

/** Raise it whenever `SessionSummary` gets, loses or means another field, or what a row holds changes. */
export const sessionIndexVersion = indexVersion(8);

/**
 * Thousands of small rows are read more slowly than their text; all of it in one row would be written anew for every line that
 * a session gets.
 */
const groups = 256;

const schema = `create table summaries (
  -- files of which this row tells: see groupOf
  part integer primary key,
  -- JSON: [file, StoredSummary][]. As bytes: taking the sum of a text takes as long as reading it
  known blob not null,
  -- crc32 of the above: a page that the disk changed must not become a wrong title
  sum integer not null
)`;

/** What is known of a file, and for which state of it. */
export interface StoredSummary {
  /** Whatever changes when the file or its title does; compared, never read. */
  state: string;
  /** Null where the file holds nothing to list. */
  summary: SessionSummary | null;
  /** Its name in other files; left out where nobody has looked. */
  titled?: ForeignTitle;
}

interface Row {
  known: Uint8Array;
  sum: number;
}

function groupOf(file: string): number {
  return zlib.crc32(file) % groups;
}

function knownIn({ known, sum }: Row): [string, StoredSummary][] {
  return zlib.crc32(known) === sum ? (parseJsonBytes(known) as [string, StoredSummary][]) : [];
}

/**
 * Summaries of transcripts, kept between processes. A file's row counts only for the state under which it was put.
 * Calls are synchronous and never fail: what can't be read is not known, what can't be written is lost.
 */
export class SessionIndex {
  readonly #database: CacheDatabase;

  /**
   * @param folder made when first needed; shared with other processes
   * @param options `busyMs`: how long a write waits for another process
   */
  constructor(folder: string, options: { busyMs?: number } = {}) {
    this.#database = new CacheDatabase({ folder, name: 'sessions', version: sessionIndexVersion, schema, ...options });
  }

  /**
   * Known summaries by path of the file.
   * @param files which; default: all that are known. Others may come with them
   */
  summaries(files?: readonly string[]): Map<string, StoredSummary> {
    const rows = this.#database.read((database) => {
      const parts = files === undefined ? null : new Set(files.map(groupOf));
      const select = 'select known, sum from summaries';
      if (parts === null || parts.size === groups) return database.prepare(select).all() as unknown as Row[];
      const one = database.prepare(`${select} where part = ?`);
      return [...parts].flatMap((part) => (one.get(part) as unknown as Row | undefined) ?? []);
    });
    return new Map((rows ?? []).flatMap(knownIn));
  }

  /** Takes summaries of files, in one transaction. */
  putSummaries(rows: readonly ({ file: string } & StoredSummary)[]): void {
    this.#change(rows, (known, { file, ...stored }) => known.set(file, stored));
  }

  /** Drops what is known of files that are gone. */
  forget(files: readonly string[]): void {
    const gone = files.map((file) => ({ file }));
    this.#change(gone, (known, { file }) => known.delete(file));
  }

  /** @param work is given what is known of files of the item's group */
  #change<Item extends { file: string }>(
    items: readonly Item[],
    work: (known: Map<string, StoredSummary>, item: Item) => void,
  ): void {
    if (items.length === 0) return;
    this.#database.write((database) => {
      const get = database.prepare('select known, sum from summaries where part = ?');
      const put = database.prepare('insert or replace into summaries (part, known, sum) values (?, ?, ?)');
      for (const [part, some] of groupBy(items, ({ file }) => groupOf(file))) {
        const row = get.get(part) as unknown as Row | undefined;
        const known = new Map(row === undefined ? [] : knownIn(row));
        for (const item of some) work(known, item);
        const bytes = Buffer.from(JSON.stringify([...known]));
        put.run(part, bytes, zlib.crc32(bytes));
      }
    });
  }

  close(): void {
    this.#database.close();
  }
}
