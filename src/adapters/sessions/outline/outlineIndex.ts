import { deserialize, serialize } from 'node:v8';
import zlib from 'node:zlib';
import { CacheDatabase } from '../../index/cacheDatabase.ts';

/** Raise it whenever `EntryFacts` or the packing of outlines change. */
const version = 1;

const schema = `create table outlines (
  file text primary key,
  usedAt integer not null,
  outline blob not null,
  -- crc32 of the outline: a page that the disk changed must not become a wrong session
  sum integer not null
) without rowid`;

/** The outlines of so many long transcripts are remembered, those that were used last. */
const mostKept = 30;

/** Outlines of long transcripts, kept between processes. Never fails: what can't be read is not known. */
export class OutlineIndex {
  readonly #database: CacheDatabase;

  /** @param folder made when first needed; shared with other processes */
  constructor(folder: string) {
    this.#database = new CacheDatabase({ folder, name: 'outlines', version, schema });
  }

  /** What was put for the file last; null where nothing was. */
  get(file: string): unknown {
    const row = this.#database.read(
      (database) =>
        database.prepare('select outline, sum from outlines where file = ?').get(file) as
          | { outline: Uint8Array; sum: number }
          | undefined,
    );
    if (row === undefined || row === null || zlib.crc32(row.outline) !== row.sum) return null;
    try {
      return deserialize(row.outline);
    } catch {
      // Another release of Node wrote it, in a form that this one does not know.
      return null;
    }
  }

  /** @param outline plain data, which says of which state of the file it is @param now milliseconds since the epoch */
  put(file: string, outline: unknown, now: number): void {
    const bytes = serialize(outline);
    this.#database.write((database) => {
      database
        .prepare('insert or replace into outlines (file, usedAt, outline, sum) values (?, ?, ?, ?)')
        .run(file, now, bytes, zlib.crc32(bytes));
      database
        .prepare('delete from outlines where file not in (select file from outlines order by usedAt desc limit ?)')
        .run(mostKept);
    });
  }
}
