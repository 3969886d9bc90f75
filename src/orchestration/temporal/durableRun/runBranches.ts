import type { BranchId } from '../../../core/ids.ts';
import { sumOf } from '../../../core/run/sumOf.ts';
import type { LoadedRun } from './loadedRun.ts';
import { RunProgress } from './runProgress.ts';

/** Which branches a run has, and how they stand. */
export class RunBranches {
  readonly progress = new RunProgress();
  /** All of the run, also those that ended in earlier attempts. */
  readonly known: Set<BranchId>;
  /** Those that this attempt runs. */
  readonly running: Set<BranchId>;
  /** The whole run is cancelled. */
  isCancelled = false;
  /** The run takes no orders any more. */
  isOver = false;
  readonly #run: LoadedRun;

  constructor(run: LoadedRun) {
    this.#run = run;
    this.known = new Set(run.known);
    this.running = new Set(run.wanted);
    for (const branchId of run.wanted) this.#expect(branchId);
    for (const branchId of Object.keys(run.input.from?.begun ?? {})) this.progress.started(branchId as BranchId);
  }

  /** Takes a branch that came while the run was under way. */
  take(branchId: BranchId): void {
    this.running.add(branchId);
    this.#expect(branchId);
  }

  hasEnded(branchId: BranchId): boolean {
    return !this.running.has(branchId) || !['running', 'pending'].includes(this.progress.of(branchId).state);
  }

  ended(): BranchId[] {
    return [...this.running].filter((branchId) => this.hasEnded(branchId));
  }

  /** US dollars of all branches, those of earlier attempts included; null where a part is unknown. */
  costUsd(): number | null {
    const costs = [...this.running].map((branchId) => this.progress.of(branchId).costUsd);
    const others = this.#run.othersCostUsd;
    return sumOf([others, ...costs]);
  }

  #expect(branchId: BranchId): void {
    const { plan, input, figures } = this.#run;
    const known = figures[branchId];
    if (known === undefined) this.progress.expect(branchId, plan.agent !== null, input.prior[branchId] ?? []);
    else this.progress.restore(branchId, known);
  }
}
