import type { ForkPlan } from '../../fork/forkPlan.ts';
import type { BranchId } from '../../ids.ts';
import type { BranchEvent } from '../branchEvent.ts';
import { foldRun } from '../foldRun.ts';
import type { BranchView } from '../runView.ts';

const ended: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * What a branch may spend on its next prompt, so that all branches together stay within the run's budget although they work at the same
 * time: what is left is shared evenly among the branches that are still to come to their end. What one doesn't need is left to
 * the next.
 * @returns US dollars, null where the run has no budget
 */
export function budgetShare(plan: ForkPlan, events: readonly BranchEvent[], own: BranchId): number | null {
  if (plan.budgetUsd === null) return null;
  const { branches } = foldRun(plan, events);
  const promised = promises(events);
  let left = plan.budgetUsd;
  let sharing = 1;
  for (const branch of branches) {
    const { branchId, state } = branch;
    const costUsd = knownCost(branch);
    left -= costUsd;
    if (branchId === own || ended.has(state)) continue;
    const limit = promised.get(branchId);
    // One that is at work has its share already.
    if (limit === undefined) sharing += 1;
    else left -= Math.max(0, limit - costUsd);
  }
  return left / sharing;
}

/** Cost of a branch in US dollars; where the total is unknown, the known part. */
export function knownCost({ costUsd, results }: Pick<BranchView, 'costUsd' | 'results'>): number {
  return costUsd ?? results.reduce((sum, result) => sum + (result.costUsd ?? 0), 0);
}

/** What each branch that works on a prompt may have cost at its end. */
function promises(events: readonly BranchEvent[]): ReadonlyMap<BranchId, number> {
  const limits = new Map<BranchId, number>();
  for (const event of events) {
    if (event.type === 'prompt-sent' && event.costLimitUsd != null) limits.set(event.branchId, event.costLimitUsd);
    if (event.type === 'agent-turn-ended' || event.type === 'branch-ended' || event.type === 'branch-reset')
      limits.delete(event.branchId);
  }
  return limits;
}
