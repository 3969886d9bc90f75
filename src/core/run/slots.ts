/** A counting semaphore: takers beyond the limit wait, first come, first served. */
export class Slots {
  #count: number;
  /** Negative while more are taken than there are. */
  #free: number;
  readonly #beginning: ((release: () => void) => void)[] = [];
  readonly #goingOn: ((release: () => void) => void)[] = [];

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** One more may be taken without waiting. */
  get hasFree(): boolean {
    return this.#free > 0;
  }

  /** What holds a slot keeps it, also where there are fewer now. */
  resize(count: number): void {
    this.#free += count - this.#count;
    this.#count = count;
    this.#serve();
  }

  /**
   * Resolves with the function that gives the slot back.
   * @param order whoever goes on is served before all that begin
   */
  take(order: 'begins' | 'goes on' = 'begins'): Promise<() => void> {
    return new Promise((resolve) => {
      (order === 'begins' ? this.#beginning : this.#goingOn).push(resolve);
      this.#serve();
    });
  }

  /**
   * Takes a slot also where none is free: nobody else gets one until so many are given back.
   * @returns the function that gives it back
   */
  takeAtOnce(): () => void {
    this.#free -= 1;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#free += 1;
      this.#serve();
    };
  }

  #serve(): void {
    while (this.#free > 0) {
      const next = this.#goingOn.shift() ?? this.#beginning.shift();
      if (next === undefined) return;
      next(this.takeAtOnce());
    }
  }
}
