/** A counting semaphore: takers beyond the limit wait, first come, first served. */
export class Slots {
  #count: number;
  #free: number;
  readonly #waiting: ((release: () => void) => void)[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** What holds a slot keeps it, also where there are fewer now. */
  resize(count: number): void {
    this.#free += count - this.#count;
    this.#count = count;
    this.#serve();
  }

  /** Resolves with the function that gives the slot back. */
  take(): Promise<() => void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#free > 0) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#free -= 1;
      let taken = true;
      next(() => {
        if (!taken) return;
        taken = false;
        this.#free += 1;
        this.#serve();
      });
    }
  }
}
