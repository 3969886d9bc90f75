import * as z from 'zod';
import type { BranchId } from '../../../core/ids.ts';
import type { BranchOutcome, StepResult } from '../../../core/run/branchOutcome.ts';

/** How a branch stands, as the query `progress` tells it: figures only. */
export const branchProgressSchema = z.object({
  state: z.enum(['pending', 'running', 'completed', 'failed', 'cancelled']),
  /** Replies so far; where Claude Code answers, prompts that it is through with. */
  steps: z.number(),
  /** Not known of agents before their end: null. */
  inputTokens: z.number().nullable(),
  outputTokens: z.number().nullable(),
  /** US dollars, null where the price of a part is unknown. */
  costUsd: z.number().nullable(),
  /** What the branch waits for: its turn, a reply, its agent, a person's answer, the account's limit. */
  waitsFor: z.enum(['start', 'model', 'agent', 'answer', 'limit']).nullable(),
});
export type BranchProgress = z.infer<typeof branchProgressSchema>;
export type WaitsFor = NonNullable<BranchProgress['waitsFor']>;

/** How the branches of a run stand. Kept in the workflow, so that it answers without the run's log. */
export class RunProgress {
  readonly #branches = new Map<BranchId, BranchProgress>();

  /** @param prior steps of earlier attempts */
  expect(branchId: BranchId, isAgent: boolean, prior: readonly StepResult[]): void {
    const tokens = isAgent ? null : 0;
    const none = { steps: 0, inputTokens: tokens, outputTokens: tokens, costUsd: 0 };
    this.#branches.set(branchId, { ...none, state: 'pending', waitsFor: 'start' });
    for (const step of prior) this.replied(branchId, step);
  }

  /** @param progress as an earlier execution, or attempt, left it */
  restore(branchId: BranchId, progress: BranchProgress): void {
    this.#branches.set(branchId, progress);
  }

  started(branchId: BranchId): void {
    this.#change(branchId, { state: 'running', waitsFor: null });
  }

  replied(branchId: BranchId, { usage, costUsd }: StepResult): void {
    const { inputTokens, outputTokens, steps, costUsd: before } = this.of(branchId);
    const { cacheReadTokens, cacheWriteTokens } = usage;
    this.#change(branchId, {
      steps: steps + 1,
      inputTokens: (inputTokens ?? 0) + usage.inputTokens + cacheReadTokens + cacheWriteTokens,
      outputTokens: (outputTokens ?? 0) + usage.outputTokens,
      costUsd: sum(before, costUsd),
    });
  }

  /** An agent is through with a prompt, or was broken off. */
  prompted(branchId: BranchId, costUsd: number | null, isThrough: boolean): void {
    const { steps, costUsd: before } = this.of(branchId);
    this.#change(branchId, { steps: steps + (isThrough ? 1 : 0), costUsd: sum(before, costUsd) });
  }

  ended(branchId: BranchId, state: BranchOutcome['state']): void {
    this.#change(branchId, { state, waitsFor: null });
  }

  /** What the branch waits for while the work goes on. */
  async during<T>(branchId: BranchId, waitsFor: WaitsFor, work: Promise<T>): Promise<T> {
    this.#change(branchId, { waitsFor });
    try {
      return await work;
    } finally {
      this.#change(branchId, { waitsFor: null });
    }
  }

  /** @param isAsking whether a question of the branch is open */
  all(isAsking: (branchId: BranchId) => boolean): Record<string, BranchProgress> {
    return Object.fromEntries(
      [...this.#branches].map(([id, progress]) => [id, isAsking(id) ? { ...progress, waitsFor: 'answer' } : progress]),
    );
  }

  of(branchId: BranchId): BranchProgress {
    const none = { steps: 0, inputTokens: 0, outputTokens: 0, costUsd: 0, waitsFor: null } as const;
    return this.#branches.get(branchId) ?? { state: 'pending', ...none };
  }

  #change(branchId: BranchId, change: Partial<BranchProgress>): void {
    this.#branches.set(branchId, { ...this.of(branchId), ...change });
  }
}

/** Unknown stays unknown. */
function sum(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}
