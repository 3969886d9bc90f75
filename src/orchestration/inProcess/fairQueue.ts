import PQueue from 'p-queue';

/** So many places for branches, handed out to the runs in turn: a run of hundreds does not keep one of two waiting. */
export class FairQueue {
  readonly #queue: PQueue;
  /** The round that is being served. */
  #round = 0;
  /** The round of each run's last branch. */
  readonly #last = new Map<string, number>();

  constructor(places: number) {
    this.#queue = new PQueue({ concurrency: places });
  }

  /**
   * Waits for a free place.
   * @returns the function that gives it back
   * @throws the signal's reason
   */
  place(run: string, signal: AbortSignal): Promise<() => void> {
    const round = Math.max(this.#round, this.#last.get(run) ?? 0) + 1;
    this.#last.set(run, round);
    return new Promise((resolve, reject) => {
      const hold = (): Promise<void> =>
        new Promise((release) => {
          this.#round = Math.max(this.#round, round);
          resolve(release);
        });
      this.#queue.add(hold, { priority: -round, signal }).catch(reject);
    });
  }

  /** The run is over. */
  forget(run: string): void {
    this.#last.delete(run);
  }
}
