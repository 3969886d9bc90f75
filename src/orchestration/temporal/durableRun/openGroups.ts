import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import type { BranchId } from '../../../core/ids.ts';
import type { FirstTokens } from './firstTokens.ts';

/**
 * Cache groups whose branches wait for nobody any more: the one that goes ahead has spoken or ended, or others of the group have
 * left.
 * @param branches those of this execution
 * @param openGroups those of earlier ones
 */
export function openGroups(
  {
    branches,
    tokens,
    openGroups: before = [],
  }: { branches: readonly BranchPlan[]; tokens: FirstTokens; openGroups?: readonly string[] },
  { hasBegun, hasEnded }: { hasBegun: (branchId: BranchId) => boolean; hasEnded: (branchId: BranchId) => boolean },
): string[] {
  const open = new Set(before);
  for (const { branchId, cacheGroup } of branches) {
    if (cacheGroup === null) continue;
    const isOpen = tokens.isAwaited(branchId) ? tokens.hasCome(branchId) || hasEnded(branchId) : hasBegun(branchId);
    if (isOpen) open.add(cacheGroup);
  }
  return [...open];
}
