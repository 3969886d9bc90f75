import { existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import zlib from 'node:zlib';
import { parseJsonBytes } from '../../parseJsonBytes.ts';
import { CacheDatabase } from '../../sqlite/cacheDatabase.ts';
import { indexVersion } from '../indexVersion.ts';

/** Raise it whenever a rule of `entryFacts.ts`, `TurnOutline`, what is built of them, or the packing change. */
const version = indexVersion(13);

const schema = `create table files (file text primary key, usedAt integer not null) without rowid;
create table parts (
  file text not null,
  part text not null,
  content blob not null,
  -- crc32 of the content: a page that the disk changed must not become a wrong session
  sum integer not null,
  primary key (file, part)
)`;

/** So many long transcripts are cached, those that were used last. */
const mostKept = 30;

/** Name and content. What is JSON is read faster as such than in the form of `node:v8`, which knows of typed arrays. */
export type Part = readonly [name: string, content: unknown, form?: 'json'];

/** What JSON of an object begins with, and nothing that `node:v8` writes. */
const openingBrace = 0x7b;

/** What is known of long transcripts, kept between processes, in named parts. Never fails: what can't be read is not known. */
export class OutlineIndex {
  /** Length of a file from which on it is long, in bytes: shorter ones are read faster than what is known of them is looked up. */
  readonly cacheFrom: number = 16 * 1024 * 1024;
  readonly #database: CacheDatabase;

  /** @param folder made when first needed; shared with other processes */
  constructor(folder: string) {
    // What is read is read once, and is large: kept pages serve nobody.
    this.#database = new CacheDatabase({ folder, name: 'outlines', version, schema, cachedKilobytes: 256 });
  }

  /** The part as it was put for the file last; null where none was. */
  get(file: string, part: string): unknown {
    const row = this.#database.read(
      (database) =>
        database.prepare('select content, sum from parts where file = ? and part = ?').get(file, part) as
          | { content: Uint8Array; sum: number }
          | undefined,
    );
    if (row === undefined || row === null || zlib.crc32(row.content) !== row.sum) return null;
    try {
      return row.content[0] === openingBrace ? parseJsonBytes(row.content) : deserialize(row.content);
    } catch {
      // Another release of Node wrote it, in a form that this one does not know.
      return null;
    }
  }

  /**
   * Puts all parts of a file in place of those that it had.
   * @param parts plain data by name, each of which says of which state of the file it is; taken one by one, as each may be large
   * @param now milliseconds since the epoch
   */
  put(file: string, parts: Iterable<Part>, now: number): void {
    this.#database.write((database) => {
      database.prepare('insert or replace into files (file, usedAt) values (?, ?)').run(file, now);
      database
        .prepare('delete from files where file not in (select file from files order by usedAt desc limit ?)')
        .run(mostKept);
      database.prepare('delete from parts where file = ? or file not in (select file from files)').run(file);
      putParts(database, file, parts);
    });
  }

  /** Puts parts beside the others of a file; nothing where the file has none. */
  add(file: string, parts: Iterable<Part>): void {
    this.#database.write((database) => {
      if (database.prepare('select 1 from files where file = ?').get(file) !== undefined)
        putParts(database, file, parts);
    });
  }

  /** Drops what is known of files that are gone: what was deleted shall not live on here. */
  forgetGone(): void {
    const files = this.#database.read((database) => database.prepare('select file from files').all()) ?? [];
    const gone = files.map(({ file }) => String(file)).filter((file) => !existsSync(file));
    if (gone.length === 0) return;
    this.#database.write((database) => {
      for (const table of ['files', 'parts']) {
        const drop = database.prepare(`delete from ${table} where file = ?`);
        for (const file of gone) drop.run(file);
      }
    });
  }
}

function putParts(database: DatabaseSync, file: string, parts: Iterable<Part>): void {
  const put = database.prepare('insert or replace into parts (file, part, content, sum) values (?, ?, ?, ?)');
  for (const [name, value, form] of parts) {
    const content = form === 'json' ? Buffer.from(JSON.stringify(value)) : serialize(value);
    put.run(file, name, content, zlib.crc32(content));
  }
}

/** Where outlines are cached. */
export type Outlines = Pick<OutlineIndex, 'cacheFrom' | 'get' | 'put' | 'add'>;
