import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { storedReplySchema } from '../../core/api/storedReply.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf, StorageError } from '../../core/errors.ts';
import type { CacheLimits } from '../../core/fork/cacheLimits.ts';
import type { CacheKey, ResultCache } from '../../core/run/resultCache.ts';
import { isAbsent } from '../fileErrors.ts';
import { sha256 } from '../sha256.ts';
import { writeWhole } from '../writeWhole.ts';

const entrySchema = z.object({
  version: z.literal(1),
  /** Milliseconds since the epoch. */
  at: z.number(),
  costUsd: z.number().nullable(),
  reply: storedReplySchema,
});

export interface ResultCacheOptions {
  /** Made when the first answer is kept. */
  folder: string;
  /** Who answers: another host may answer the same request differently. */
  host: string;
  clock: Pick<Clock, 'now'>;
}

/** After that share of the limit was written, the folder is measured again. */
const measuredEvery = 0.05;

/**
 * Keeps answers as one file each, named by the digest of what was asked: `ab/cdef….json`. Several processes may share the folder.
 * A file's time is when its answer was used last.
 */
export function createResultCache({ folder, host, clock }: ResultCacheOptions): ResultCache {
  let writtenSince = Number.POSITIVE_INFINITY;
  const fileOf = ({ provider, request, repeat }: CacheKey): string => {
    const name = sha256(JSON.stringify([1, host, provider, request, repeat]));
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
      const entry = entrySchema.safeParse(parsed(text));
      // Too old, or damaged: the answer that is asked for now takes its place.
      if (!entry.success || clock.now() - entry.data.at > maxAgeMs) return null;
      const now = new Date(clock.now());
      // Where that fails it only goes the sooner.
      await utimes(file, now, now).catch(() => undefined);
      return { reply: entry.data.reply, costUsd: entry.data.costUsd };
    },
    async put(key, { reply, costUsd }, limits) {
      const entry: z.infer<typeof entrySchema> = { version: 1, at: clock.now(), costUsd, reply };
      const text = JSON.stringify(entry);
      if (Buffer.byteLength(text) > limits.maxBytes) return;
      try {
        await writeWhole(fileOf(key), text);
        writtenSince += Buffer.byteLength(text);
        if (writtenSince < limits.maxBytes * measuredEvery) return;
        writtenSince = 0;
        await evict(folder, limits);
      } catch (error) {
        throw problem('written', folder, error);
      }
    },
  };
}

/** Removes what was used least lately until the rest fits. */
async function evict(folder: string, { maxBytes }: CacheLimits): Promise<void> {
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
