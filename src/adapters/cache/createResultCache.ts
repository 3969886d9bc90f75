import * as z from 'zod';
import { storedReplySchema } from '../../core/api/storedReply.ts';
import type { ResultCache } from '../../core/run/resultCache.ts';
import { createFileCache, type FileCacheOptions } from './createFileCache.ts';

const schema = z.object({ costUsd: z.number().nullable(), reply: storedReplySchema });

export interface ResultCacheOptions extends Pick<FileCacheOptions<object>, 'folder' | 'clock'> {
  /** Who answers: another host may answer the same request differently. */
  host: string;
}

/** Keeps answers in files; see `createFileCache`. */
export function createResultCache({ folder, host, clock }: ResultCacheOptions): ResultCache {
  const cache = createFileCache({ folder, clock, schema });
  return {
    get: ({ provider, request, repeat }, limits) => cache.get([1, host, provider, request, repeat], limits),
    put: ({ provider, request, repeat }, cached, limits) =>
      cache.put([1, host, provider, request, repeat], cached, limits),
  };
}
