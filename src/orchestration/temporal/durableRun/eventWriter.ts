import { CancellationScope } from '@temporalio/workflow';
import type { BranchEvent } from '../../../core/run/branchEvent.ts';

/** Writes the run's log. Events of the same moment go into one local activity: each costs a few milliseconds. */
export class EventWriter {
  readonly #append: (events: BranchEvent[]) => Promise<void>;
  #unwritten: BranchEvent[] = [];
  #writing: Promise<void> | null = null;
  #underWay = 0;

  constructor(append: (events: BranchEvent[]) => Promise<void>) {
    this.#append = append;
  }

  /** Everything is written. */
  get isIdle(): boolean {
    return this.#unwritten.length === 0 && this.#underWay === 0;
  }

  /** @param goesAlong another event comes at once and writes it along: it is not waited for */
  write(event: BranchEvent, goesAlong: boolean): Promise<void> {
    this.#unwritten.push(event);
    if (goesAlong) return Promise.resolve();
    this.#writing ??= this.#writeSoon();
    return this.#writing;
  }

  #writeSoon(): Promise<void> {
    const writing = Promise.resolve().then(() => {
      const events = this.#unwritten;
      this.#unwritten = [];
      this.#writing = null;
      return CancellationScope.nonCancellable(() => this.#append(events));
    });
    this.#underWay += 1;
    const finished = (): void => {
      this.#underWay -= 1;
    };
    writing.then(finished, finished);
    return writing;
  }
}
