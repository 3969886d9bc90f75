import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { loadSqlite } from './loadSqlite.ts';

export interface CacheDatabaseOptions {
  folder: string;
  /** Beginning of the file's name. */
  name: string;
  /** Raise it whenever tables or the meaning of a column change: files of other versions are left to other releases. */
  version: number;
  /** Statements that make the tables in an empty file. */
  schema: string;
  /** How long a write waits for another process, milliseconds. */
  busyMs?: number;
  /** How much of the file SQLite keeps in memory. */
  cachedKilobytes?: number;
}

/** SQLite's primary result codes that matter here. */
const busy = new Set([5, 6]);
const damaged = new Set([1, 11, 20, 24, 26]);
/** Cache files of other versions are removed when they have not been written for this long. */
const forgottenMs = 30 * 24 * 60 * 60 * 1000;
/** A fresh file that is broken again at once means that something else is wrong. */
const maxRebuilds = 2;

function codeOf(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : null;
}

/**
 * A SQLite file of ours whose content can be made again at any time, shared by windows and command lines. It never
 * fails: where it is locked, the call is skipped; where it is damaged, an empty file takes its place; where the disk is
 * full, not writable, or Node has no SQLite, everything is skipped.
 *
 * A file is never replaced under its own name, for a process that still has the old one open would remove the new one's
 * log when it ends. Each new file gets the next generation's number; the highest one counts.
 */
export class CacheDatabase {
  readonly #options: CacheDatabaseOptions;
  readonly #pattern: RegExp;
  #database: DatabaseSync | null = null;
  #generation = 0;
  #rebuilds = 0;
  #off = false;

  constructor(options: CacheDatabaseOptions) {
    this.#options = options;
    this.#pattern = new RegExp(`^${options.name}-(\\d+)\\.(\\d+)\\.db$`);
  }

  /** Whether there is a file of this version. */
  get exists(): boolean {
    return this.#database !== null || this.#ownFiles().length > 0;
  }

  /** Runs some reads. @returns null where there is no database yet, or it can't serve this time */
  read<T>(work: (database: DatabaseSync) => T): T | null {
    return this.exists ? this.#use(work) : null;
  }

  /** Runs some writes as one transaction. @returns false where nothing was written */
  write(work: (database: DatabaseSync) => void): boolean {
    const done = this.#use((database) => {
      database.exec('begin immediate');
      try {
        work(database);
        database.exec('commit');
      } catch (error) {
        // SQLite ends the transaction itself after some errors; that must not hide what happened.
        if (database.isTransaction) database.exec('rollback');
        throw error;
      }
      return true;
    });
    return done === true;
  }

  close(): void {
    const database = this.#database;
    this.#database = null;
    try {
      database?.close();
    } catch {
      // Its last checkpoint failed; the log stays for the next one who opens the file.
    }
  }

  #use<T>(work: (database: DatabaseSync) => T): T | null {
    for (let attempt = 0; !this.#off && attempt <= maxRebuilds; attempt += 1) {
      try {
        this.#database ??= this.#open();
        return this.#database === null ? null : work(this.#database);
      } catch (error) {
        const code = codeOf(error);
        if (code !== null && busy.has(code)) return null;
        this.close();
        if (code === null || !damaged.has(code) || this.#rebuilds >= maxRebuilds) this.#off = true;
        else this.#rebuilds += 1;
        this.#generation += 1;
      }
    }
    return null;
  }

  #open(): DatabaseSync | null {
    const sqlite = loadSqlite();
    if (sqlite === null) return null;
    const { folder, busyMs = 1000, cachedKilobytes = 2000, version, schema } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#generation = Math.max(this.#generation, this.#newestGeneration());
    const database = new sqlite.DatabaseSync(join(folder, this.#nameOf(this.#generation)));
    try {
      // A new file need not be safe from a power cut: that takes longer than what is put in it, and a damaged one is replaced.
      database.exec(
        `pragma busy_timeout=${busyMs}; pragma cache_size=-${cachedKilobytes};
        pragma synchronous=off; pragma journal_mode=wal; pragma synchronous=normal`,
      );
      if (versionOf(database) !== version) this.#create(database, version, schema);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** @throws an error of a damaged file where it holds something else already */
  #create(database: DatabaseSync, version: number, schema: string): void {
    database.exec('begin immediate');
    try {
      // Another process may have been faster.
      const found = versionOf(database);
      if (found === 0) database.exec(`${schema}; pragma user_version=${version}`);
      database.exec('commit');
      if (found !== 0 && found !== version) throw Object.assign(new Error('Another schema'), { errcode: 26 });
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      throw error;
    }
    this.#sweep();
  }

  #nameOf(generation: number): string {
    return `${this.#options.name}-${this.#options.version}.${generation}.db`;
  }

  #files(): { name: string; version: number; generation: number }[] {
    return namesIn(this.#options.folder).flatMap((name) => {
      const found = this.#pattern.exec(name);
      return found === null ? [] : { name, version: Number(found[1]), generation: Number(found[2]) };
    });
  }

  #ownFiles(): { name: string; generation: number }[] {
    return this.#files().filter(({ version }) => version === this.#options.version);
  }

  #newestGeneration(): number {
    return Math.max(0, ...this.#ownFiles().map(({ generation }) => generation));
  }

  /** Removes what this file replaced. */
  #sweep(): void {
    for (const { name, version, generation } of this.#files()) {
      const file = join(this.#options.folder, name);
      const replaced = version === this.#options.version && generation < this.#generation;
      const forgotten = version !== this.#options.version && Date.now() - statSync(file).mtimeMs > forgottenMs;
      if (!replaced && !forgotten) continue;
      for (const suffix of ['', '-wal', '-shm']) {
        try {
          rmSync(`${file}${suffix}`, { force: true });
        } catch {
          // Windows keeps files that are open; the next sweep takes them.
        }
      }
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('pragma user_version').get()?.user_version);
}
