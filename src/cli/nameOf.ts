import type { BranchView } from '../core/run/runView.ts';

/** A branch's name as tables show it: with its repeat where there are several. */
export function nameOf(branch: Pick<BranchView, 'name' | 'repeat' | 'repeats'>): string {
  return branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name;
}
