import type { BranchPlan, ForkPlan } from '../../fork/forkPlan.ts';

/** Name of a branch's session in lists. */
export function branchTitle({ title }: ForkPlan, { name, repeat, repeats }: BranchPlan): string {
  return `${title} · ${name}${repeats > 1 ? ` #${repeat}` : ''}`;
}
