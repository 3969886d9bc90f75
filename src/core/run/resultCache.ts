import * as z from 'zod';
import type { StoredReply } from '../api/storedReply.ts';
import { type CacheLimits, cacheLimitsSchema } from '../fork/cacheLimits.ts';
import type { Provider } from '../fork/forkPlan.ts';
import type { BlobRef } from '../ids.ts';

/** What one call has to do with the result cache. */
export const callCacheSchema = cacheLimitsSchema.extend({
  /** 1-based repeat of the branch: equal requests of several repeats are several samples, and kept apart. */
  repeat: z.int().positive(),
  /** An answer of an earlier run is taken. Otherwise this one is only kept for later runs. */
  read: z.boolean(),
});
export type CallCache = z.infer<typeof callCacheSchema>;

/** By what an answer is found again. */
export interface CacheKey {
  provider: Provider;
  /** Content-addressed, so equal requests have equal references. */
  request: BlobRef;
  repeat: number;
}

export interface CachedReply {
  reply: StoredReply;
  /** US dollars that it cost when it was asked for, null where no price is known. */
  costUsd: number | null;
}

/** Answers of earlier runs. Only whole replies are kept, never failures. */
export interface ResultCache {
  /** Null where there is none, or it is too old. @throws StorageError where the cache can't be read */
  get(key: CacheKey, limits: CacheLimits): Promise<CachedReply | null>;
  /** Keeps an answer; the least used ones go where there are too many. @throws StorageError where the cache can't be written */
  put(key: CacheKey, cached: CachedReply, limits: CacheLimits): Promise<void>;
}
