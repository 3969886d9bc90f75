import * as z from 'zod';
import type { CheckCache } from '../../core/run/checkCache.ts';
import { createFileCache, type FileCacheOptions } from './createFileCache.ts';

const schema = z.object({ exitCode: z.number(), ms: z.number(), text: z.string() });

/** Keeps results of checks in files; see `createFileCache`. */
export function createCheckCache(options: Pick<FileCacheOptions<object>, 'folder' | 'clock'>): CheckCache {
  const cache = createFileCache({ ...options, schema });
  const keyOf = ({ state, environment, run, timeoutSeconds }: Parameters<CheckCache['get']>[0]) => [
    'check',
    process.platform,
    process.arch,
    state,
    environment,
    run,
    timeoutSeconds,
  ];
  return {
    get: (key, limits) => cache.get(keyOf(key), limits),
    put: (key, kept, limits) => cache.put(keyOf(key), kept, limits),
  };
}
