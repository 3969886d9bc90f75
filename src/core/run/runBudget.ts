import { type Budget, BudgetReached } from './runBranch.ts';
import type { RunLimits } from './runLimits.ts';
import type { RunInput } from './runPlan.ts';

/** Counts every dollar that the run has spent, the steps of earlier attempts and of branches that do not run again included. */
export class RunBudget implements Budget {
  spentUsd: number;
  readonly #limits: RunLimits;

  constructor(limits: RunLimits, input: RunInput) {
    this.#limits = limits;
    this.spentUsd = input.spentUsd ?? spentByOthers(input);
  }

  check(): void {
    if (this.#limits.budgetUsd !== null && this.spentUsd >= this.#limits.budgetUsd) throw new BudgetReached();
  }

  add({ costUsd }: { costUsd: number | null }): void {
    this.spentUsd += costUsd ?? 0;
  }
}

/** US dollars of the branches that do not run again. */
function spentByOthers({ branches, prior }: RunInput): number {
  const running = new Set<string>(branches);
  return Object.entries(prior)
    .filter(([branchId]) => !running.has(branchId))
    .flatMap(([, steps]) => steps)
    .reduce((sum, step) => sum + (step.costUsd ?? 0), 0);
}
