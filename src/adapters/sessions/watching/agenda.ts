interface Item {
  timer: NodeJS.Timeout;
  look: () => Promise<void>;
  running: boolean;
  /** Asked for again while it ran. */
  again: boolean;
}

/**
 * Things to look at, each by a key: asked for many times in a burst they are looked at once, and never twice at the same time.
 */
export class Agenda {
  readonly #items = new Map<string, Item>();
  readonly #delayMs: number;
  #disposed = false;

  /** @param delayMs how long what comes in a burst is collected before the look at it */
  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /**
   * Looks soon. What is asked for during a look is looked at once more after it.
   * @param look must not throw
   */
  add(key: string, look: () => Promise<void>): void {
    if (this.#disposed) return;
    const known = this.#items.get(key);
    if (known === undefined) this.#schedule(key, look);
    else if (known.running) Object.assign(known, { again: true, look });
  }

  dispose(): void {
    this.#disposed = true;
    for (const { timer } of this.#items.values()) clearTimeout(timer);
    this.#items.clear();
  }

  #schedule(key: string, look: () => Promise<void>): void {
    const timer = setTimeout(() => void this.#run(key, item), this.#delayMs).unref();
    const item: Item = { timer, look, running: false, again: false };
    this.#items.set(key, item);
  }

  async #run(key: string, item: Item): Promise<void> {
    item.running = true;
    await item.look();
    this.#items.delete(key);
    if (item.again && !this.#disposed) this.#schedule(key, item.look);
  }
}
