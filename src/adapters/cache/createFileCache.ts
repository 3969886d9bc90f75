// src/adapters/cache: answers of earlier runs in files, of the model and of checks, with an age and a size limit.
// Which answer may be taken again is not decided here: src/core/run makes the keys.

import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { messageOf, StorageError } from '../../core/errors.ts';
import type { CacheLimits } from '../../core/fork/cacheLimits.ts';
import { isAbsent } from '../fileErrors.ts';
import { sha256 } from '../sha256.ts';
import { writeWhole } from '../writeWhole.ts';

/** `at`: milliseconds since the epoch. */
const headSchema = z.object({ version: z.literal(1), at: z.number() });

export interface FileCacheOptions<T extends object> {
  /** Made when the first entry is kept. */
  folder: string;
  clock: Pick<Clock, 'now'>;
  schema: z.ZodType<T>;
}

/** Entries by what they are found again by, any value that JSON can hold. */
export interface FileCache<T extends object> {
  /** Null where there is none, or it is too old. @throws StorageError where the cache can't be read */
  get(key: unknown, limits: Pick<CacheLimits, 'maxAgeMs'>): Promise<T | null>;
  /** Keeps an entry; the least used ones go where there are too many. @throws StorageError where the cache can't be written */
  put(key: unknown, value: T, limits: Pick<CacheLimits, 'maxBytes'>): Promise<void>;
}

/** After that share of the limit was written, the folder is measured again. */
const measuredEvery = 0.05;

/**
 * Keeps entries as one file each, named by the digest of their key: `ab/cdef….json`. Several processes and kinds of entries may share
 * the folder. A file's time is when its entry was used last.
 */
export function createFileCache<T extends object>({ folder, clock, schema }: FileCacheOptions<T>): FileCache<T> {
  let writtenSince = Number.POSITIVE_INFINITY;
  const fileOf = (key: unknown): string => {
    const name = sha256(JSON.stringify(key));
    return path.join(folder, name.slice(0, 2), `${name.slice(2)}.json`);
  };
  return {
    async get(key, { maxAgeMs }) {
      const file = fileOf(key);
      const text = await readFile(file, 'utf8').catch((error: unknown) => {
        if (isAbsent(error)) return null;
        throw problem('read', folder, error);
      });
      if (text === null) return null;
      const entry = parsed(text);
      const [head, value] = [headSchema.safeParse(entry), schema.safeParse(entry)];
      // Too old, or damaged: what is kept next takes its place.
      if (!head.success || !value.success || clock.now() - head.data.at > maxAgeMs) return null;
      const now = new Date(clock.now());
      // Where that fails it only goes the sooner.
      await utimes(file, now, now).catch(() => undefined);
      return value.data;
    },
    async put(key, value, { maxBytes }) {
      const head: z.infer<typeof headSchema> = { version: 1, at: clock.now() };
      const text = JSON.stringify({ ...head, ...value });
      if (Buffer.byteLength(text) > maxBytes) return;
      try {
        await writeWhole(fileOf(key), text);
        writtenSince += Buffer.byteLength(text);
        if (writtenSince < maxBytes * measuredEvery) return;
        writtenSince = 0;
        await evict(folder, maxBytes);
      } catch (error) {
        throw problem('written', folder, error);
      }
    },
  };
}

/** Removes what was used least lately until the rest fits. */
async function evict(folder: string, maxBytes: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder, { recursive: true });
  const entries = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      // Gone meanwhile: another process evicts, too.
      const facts = await stat(file).catch(() => null);
      return facts?.isFile() ? [{ file, size: facts.size, usedAt: facts.mtimeMs }] : [];
    }),
  );
  let bytes = 0;
  for (const { file, size } of entries.flat().sort((a, b) => b.usedAt - a.usedAt)) {
    bytes += size;
    if (bytes > maxBytes) await rm(file, { force: true });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function problem(what: 'read' | 'written', folder: string, cause: unknown): StorageError {
  const hint = 'Check that the folder is writable and the disk is not full, or delete it: it is made anew.';
  return new StorageError(`The result cache can't be ${what}: ${messageOf(cause)}`, hint, { folder }, { cause });
}
