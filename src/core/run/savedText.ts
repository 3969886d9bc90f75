import { money, plural } from '../format.ts';
import type { BranchView } from './runView.ts';

/** `3 replies from the result cache, $0.12 saved`; null where none was taken. */
export function savedText(branches: readonly Pick<BranchView, 'saved'>[]): string | null {
  const all = branches.flatMap(({ saved }) => saved ?? []);
  if (all.length === 0) return null;
  const replies = all.reduce((sum, saved) => sum + saved.replies, 0);
  const costs = all.map(({ costUsd }) => costUsd);
  const cost = costs.includes(null) ? null : costs.reduce<number>((sum, usd) => sum + (usd ?? 0), 0);
  return `${plural(replies, 'reply', 'replies')} from the result cache, ${cost === null ? 'unknown cost' : money(cost)} saved`;
}
