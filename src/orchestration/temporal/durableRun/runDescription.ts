import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { changedAttributes } from '../searchAttributes.ts';
import type { RunBranches } from './runBranches.ts';

/** How often search attributes change while a run goes on, in milliseconds. Each change is an event of the history. */
const describeEveryMs = 5_000;

/** What people find the run by in the web UI, and read there of it. */
export class RunDescription {
  readonly #branches: RunBranches;
  /** The server knows our search attributes. */
  readonly #isSearchable: boolean;
  #describedAt = Date.now();

  constructor(branches: RunBranches, isSearchable: boolean) {
    this.#branches = branches;
    this.#isSearchable = isSearchable;
  }

  /** A branch has ended. */
  branchEnded(): void {
    setCurrentDetails(`${this.#branches.ended().length} of ${this.#branches.running.size} branches have ended.`);
    if (Date.now() - this.#describedAt >= describeEveryMs) this.describe('running');
  }

  describe(state: string): void {
    if (!this.#isSearchable) return;
    this.#describedAt = Date.now();
    upsertSearchAttributes(changedAttributes(state, this.#branches.costUsd()));
  }
}
