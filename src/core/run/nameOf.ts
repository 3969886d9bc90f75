import type { BranchView } from './runView.ts';

/** A branch's name as tables and comparisons show it: with its repeat where there are several. */
export function nameOf(branch: Pick<BranchView, 'name' | 'repeat' | 'repeats'>): string {
  return branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name;
}
