import type { BlobRef } from './ids.ts';

/** Content-addressed store of JSON values. Equal values have equal references. */
export interface BlobStore {
  put(value: unknown): Promise<BlobRef>;
  /** @throws StorageError where the blob is absent or damaged. */
  get(ref: BlobRef): Promise<unknown>;
}
