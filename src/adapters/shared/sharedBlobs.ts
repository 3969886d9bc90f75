import type { BlobStore } from '../../core/blobStore.ts';
import { canonicalJson } from '../../core/canonicalJson.ts';
import { StorageError } from '../../core/errors.ts';
import { type BlobRef, blobRefSchema } from '../../core/ids.ts';
import type { SharedStore } from '../../core/sharedStore.ts';
import { sha256 } from '../sha256.ts';

const nameOf = (ref: BlobRef): string => `blobs/${ref.slice(0, 2)}/${ref.slice(2)}.json`;

/** Blobs of this machine that other machines need, too: each goes into the shared store, and those of others come from there. */
export class SharedBlobs implements BlobStore {
  readonly #local: BlobStore;
  readonly #store: () => Promise<SharedStore>;
  readonly #stored = new Set<BlobRef>();

  constructor(local: BlobStore, store: () => Promise<SharedStore>) {
    this.#local = local;
    this.#store = store;
  }

  async put(value: unknown): Promise<BlobRef> {
    const text = canonicalJson(value);
    const ref = blobRefSchema.parse(sha256(text));
    await Promise.all([this.#local.put(value), this.#share(ref, text)]);
    return ref;
  }

  async get(ref: BlobRef): Promise<unknown> {
    try {
      return await this.#local.get(ref);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const value = await this.#fetch(ref);
      if (value === undefined) throw error;
      await this.#local.put(value);
      return value;
    }
  }

  /** Puts a blob of this machine into the store. */
  async share(ref: BlobRef): Promise<void> {
    if (!this.#stored.has(ref)) await this.#share(ref, canonicalJson(await this.#local.get(ref)));
  }

  async #share(ref: BlobRef, text: string): Promise<void> {
    if (this.#stored.has(ref)) return;
    await (await this.#store()).create(nameOf(ref), Buffer.from(text));
    this.#stored.add(ref);
  }

  /** Undefined where the store has none that is sound. */
  async #fetch(ref: BlobRef): Promise<unknown> {
    const bytes = await (await this.#store()).get(nameOf(ref));
    if (bytes === null) return undefined;
    const text = Buffer.from(bytes).toString('utf8');
    return sha256(text) === ref ? (JSON.parse(text) as unknown) : undefined;
  }
}
