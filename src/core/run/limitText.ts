import { absoluteTime } from '../format.ts';
import type { BranchView } from './runView.ts';

/** What a branch says that waits for the usage limit of the account, or of the API key. */
export function limitText({ until }: Pick<BranchView, 'until'>): string {
  return `waits for the usage limit${until === null ? '' : ` until ${absoluteTime(until)}`}`;
}
