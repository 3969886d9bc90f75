import zlib from 'node:zlib';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import { CacheDatabase } from './cacheDatabase.ts';

/** Raise it whenever `SessionSummary` gets, loses or means another field. */
const version = 2;

const schema = `create table summaries (
  file text primary key,
  state text not null,
  -- JSON of the SessionSummary; null where the file holds nothing to list
  summary text,
  -- crc32 of the other columns: a page that the disk changed must not become a wrong title
  sum integer not null
) without rowid`;

/** So many rows are looked up faster one by one than all together. */
const fewFiles = 200;

/** What is known of a file, and for which state of it. */
export interface StoredSummary {
  /** Whatever changes when the file or its title does; compared, never read. */
  state: string;
  /** Null where the file holds nothing to list. */
  summary: SessionSummary | null;
}

interface Row {
  file: string;
  state: string;
  summary: string | null;
  sum: number;
}

function sumOf({ file, state, summary }: Omit<Row, 'sum'>): number {
  return zlib.crc32(`${file}\n${state}\n${summary ?? ''}`);
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
    this.#database = new CacheDatabase({ folder, name: 'sessions', version, schema, ...options });
  }

  /**
   * Known summaries by path of the file.
   * @param files which; default: all that are known. More may come where many are asked for
   */
  summaries(files?: readonly string[]): Map<string, StoredSummary> {
    const rows = this.#database.read((database) => {
      const columns = 'select file, state, summary, sum from summaries';
      if (files === undefined || files.length > fewFiles) return database.prepare(columns).all() as unknown as Row[];
      const one = database.prepare(`${columns} where file = ?`);
      return files.flatMap((file) => (one.get(file) as unknown as Row | undefined) ?? []);
    });
    const known = new Map<string, StoredSummary>();
    for (const row of rows ?? []) {
      if (sumOf(row) !== row.sum) continue;
      const summary = row.summary === null ? null : (JSON.parse(row.summary) as SessionSummary);
      known.set(row.file, { state: row.state, summary });
    }
    return known;
  }

  /** Takes summaries of files, in one transaction. */
  putSummaries(rows: readonly ({ file: string } & StoredSummary)[]): void {
    if (rows.length === 0) return;
    this.#database.write((database) => {
      const put = database.prepare('insert or replace into summaries (file, state, summary, sum) values (?, ?, ?, ?)');
      for (const { file, state, summary } of rows) {
        const row = { file, state, summary: summary === null ? null : JSON.stringify(summary) };
        put.run(file, state, row.summary, sumOf(row));
      }
    });
  }

  /** Drops what is known of files that are gone. */
  forget(files: readonly string[]): void {
    if (files.length === 0) return;
    this.#database.write((database) => {
      const drop = database.prepare('delete from summaries where file = ?');
      for (const file of files) drop.run(file);
    });
  }

  close(): void {
    this.#database.close();
  }
}
