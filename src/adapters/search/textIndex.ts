import type { DatabaseSync } from 'node:sqlite';
import { GramSet } from '../../core/search/gramsOf.ts';
import { CacheDatabase } from '../sqlite/cacheDatabase.ts';
import type { FilePiece } from './fileSearcher.ts';

/** Raise it whenever what is searched in a record changes, or how it becomes grams. */
const version = 2;

// A piece's texts are kept as the set of their grams alone (`detail=none`, no content): a tenth of the files' size. Rows
// in `grams` go by the id of the piece.
const schema = `
  create table files (
    id integer primary key,
    file text not null unique,
    -- of the whole file at the time when it was read to its end; null while that is still to come
    state text,
    inode text not null,
    -- read so far: up to the beginning of a line
    end integer not null,
    line integer not null,
    -- digest of the last bytes before that
    tail text not null,
    -- 0: the file must be searched itself (it is damaged, or no UTF-8)
    usable integer not null
  );
  create table pieces (
    id integer primary key,
    file_id integer not null,
    start integer not null,
    end integer not null,
    line integer not null
  );
  create index pieces_of_file on pieces (file_id, start);
  create virtual table grams using fts5 (words, tokenize = 'ascii', detail = none, content = '', contentless_delete = 1)`;

/** How far a file is indexed. */
export interface IndexedFile {
  id: number;
  state: string | null;
  inode: string;
  end: number;
  line: number;
  tail: string;
  usable: boolean;
}

/** A part of a file with the grams of its texts. */
export interface IndexedPiece {
  start: number;
  end: number;
  line: number;
  words: string[];
}

type FileRow = [
  file: string,
  id: number,
  state: string | null,
  inode: string,
  end: number,
  line: number,
  tail: string,
  usable: number,
];

/**
 * Which parts of which transcripts may hold a text: those in which all its grams (three neighbouring characters) stand.
 * Shared by windows and command lines. Calls are synchronous and never fail: null means that the index can't serve now.
 */
export class TextIndex {
  readonly #database: CacheDatabase;

  /** @param folder made when first needed */
  constructor(folder: string, options: { busyMs?: number } = {}) {
    this.#database = new CacheDatabase({ folder, name: 'texts', version, schema, ...options });
  }

  /** Whether there is one, of whatever. */
  get exists(): boolean {
    return this.#database.exists;
  }

  /** Makes the index where there is none. @returns false where it can't be kept now */
  prepare(): boolean {
    return this.#database.write(() => {});
  }

  /** How far each file is indexed, by path; null where there is no index, or it does not serve now. */
  files(): Map<string, IndexedFile> | null {
    // Thousands of rows come twice as fast in one text.
    const found = this.#database.read((database) =>
      database
        .prepare(
          'select json_group_array(json_array(file, id, state, inode, end, line, tail, usable)) as rows from files',
        )
        .get(),
    );
    if (found === null) return null;
    const rows = JSON.parse(String(found?.rows)) as FileRow[];
    return new Map(
      rows.map(([file, id, state, inode, end, line, tail, usable]) => [
        file,
        { id, state, inode, end, line, tail, usable: usable === 1 },
      ]),
    );
  }

  /**
   * Parts of files that may hold the text, by id of the file, in order.
   * @returns null where nothing can be said: the text is too short, or the index doesn't serve
   */
  candidates(text: string): Map<number, FilePiece[]> | null {
    const grams = new GramSet();
    grams.add(text);
    const words = grams.takeWords();
    if (words.length === 0) return null;
    const rows = this.#database.read((database) =>
      database
        .prepare(
          `select pieces.file_id as file, start, end, line from grams join pieces on pieces.id = grams.rowid
           where grams match ? order by pieces.id`,
        )
        .all(words.map((word) => `"${word}"`).join(' AND ')),
    );
    if (rows === null) return null;
    const candidates = new Map<number, FilePiece[]>();
    for (const { file, ...piece } of rows as unknown as (FilePiece & { file: number })[]) {
      const pieces = candidates.get(file);
      if (pieces === undefined) candidates.set(file, [piece]);
      else pieces.push(piece);
    }
    return candidates;
  }

  /** The last piece of a file, null where it has none. */
  lastPiece(id: number): { start: number; end: number; line: number } | null {
    const row = this.#database.read((database) =>
      database.prepare('select start, end, line from pieces where file_id = ? order by start desc limit 1').get(id),
    );
    return (row ?? null) as { start: number; end: number; line: number } | null;
  }

  /**
   * Adds what was read of a file since `from`, in one transaction.
   * @param from where reading began: pieces that lie behind it are replaced; 0 replaces all of the file
   * @param expected how far the file was indexed when reading began, null where it wasn't
   * @returns false where another process was faster, or the index doesn't serve
   */
  add(
    file: string,
    from: number,
    expected: { end: number; state: string | null } | null,
    now: Omit<IndexedFile, 'id'>,
    pieces: readonly IndexedPiece[],
  ): boolean {
    let added = false;
    const written = this.#database.write((database) => {
      const found = database.prepare('select id, end, state from files where file = ?').get(file) ?? null;
      if (found?.end !== expected?.end || found?.state !== expected?.state) return;
      const id = found === null ? null : (found.id as number);
      if (id !== null) dropPieces(database, id, from);
      putPieces(database, putFile(database, id, file, now), pieces);
      added = true;
    });
    return written && added;
  }

  /** Drops files that are gone. */
  forget(files: readonly string[]): void {
    if (files.length === 0) return;
    this.#database.write((database) => {
      for (const file of files) {
        const found = database.prepare('select id from files where file = ?').get(file);
        if (found === undefined) continue;
        dropPieces(database, found.id as number, 0);
        database.prepare('delete from files where id = ?').run(found.id as number);
      }
    });
  }

  close(): void {
    this.#database.close();
  }
}

function dropPieces(database: DatabaseSync, id: number, from: number): void {
  const ids = database.prepare('select id from pieces where file_id = ? and start >= ?').all(id, from);
  const dropGrams = database.prepare('delete from grams where rowid = ?');
  for (const piece of ids) dropGrams.run(piece.id as number);
  database.prepare('delete from pieces where file_id = ? and start >= ?').run(id, from);
}

function putFile(database: DatabaseSync, id: number | null, file: string, now: Omit<IndexedFile, 'id'>): number {
  const { state, inode, end, line, tail } = now;
  const result = database
    .prepare(
      `insert or replace into files (id, file, state, inode, end, line, tail, usable) values (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(id, file, state, inode, end, line, tail, now.usable ? 1 : 0);
  return Number(result.lastInsertRowid);
}

function putPieces(database: DatabaseSync, id: number, pieces: readonly IndexedPiece[]): void {
  const putPiece = database.prepare('insert into pieces (file_id, start, end, line) values (?, ?, ?, ?)');
  const putGrams = database.prepare('insert into grams (rowid, words) values (?, ?)');
  for (const { start, end, line, words } of pieces) {
    const { lastInsertRowid } = putPiece.run(id, start, end, line);
    putGrams.run(lastInsertRowid, words.join(' '));
  }
}
