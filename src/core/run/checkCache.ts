import type { CacheLimits } from '../fork/cacheLimits.ts';

/** By what the result of a check is found again. */
export interface CheckKey {
  /** `Place.state` before the check. */
  state: string;
  /** Digest of the environment that it runs in, but for what tells branches apart. */
  environment: string;
  run: string;
  timeoutSeconds: number;
}

/** How a check ended, and what it printed. */
export interface KeptCheck {
  exitCode: number;
  ms: number;
  text: string;
}

/** Results of checks of earlier runs. Only of checks that came to their end and left their place as it was. */
export interface CheckCache {
  /** Null where there is none, or it is too old. @throws StorageError where the cache can't be read */
  get(key: CheckKey, limits: CacheLimits): Promise<KeptCheck | null>;
  /** @throws StorageError where the cache can't be written */
  put(key: CheckKey, kept: KeptCheck, limits: CacheLimits): Promise<void>;
}
