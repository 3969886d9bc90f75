import type { ServiceProvider, ViewServices } from './viewServices.ts';

/** Services that can be let go of. */
export type DisposableServices = ViewServices & { dispose(): Promise<void> };

/** Makes the services on first use, and anew after `replace`. */
export class ReplaceableServices implements ServiceProvider {
  readonly #listeners = new Set<() => void>();
  #made: Promise<DisposableServices> | null = null;

  constructor(private readonly make: () => Promise<DisposableServices>) {}

  get(): Promise<ViewServices> {
    this.#made ??= this.make().catch((error: unknown) => {
      // What could not be made is tried again by the next who asks.
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  onDidReplace(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  /** Lets the services go; those who hold something of them ask again. */
  async replace(): Promise<void> {
    if (this.#made === null) return;
    await this.dispose();
    for (const listener of this.#listeners) listener();
  }

  async dispose(): Promise<void> {
    const made = this.#made;
    this.#made = null;
    await (await made)?.dispose();
  }
}
