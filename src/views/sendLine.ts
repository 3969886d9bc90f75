import { moneyRange, plural, tokenCount } from '../core/format.ts';
import type { ForkPreview } from '../core/useCases/forkService.ts';
import { agentLine } from './agentTexts.ts';

/**
 * `5 requests to api.anthropic.com · about 18.2k tokens each · $0.06–0.11`, or
 * `3 agents · Claude Code 2.1.329 · overlay at ~/shop · about 18.2k tokens each to begin · counts against your plan`.
 */
export function sendLine(preview: ForkPreview): string {
  if (preview.agent !== null) return agentLine(preview, preview.agent);
  const where = preview.host === null ? 'to the offline demo model' : `to ${preview.host}`;
  const inputs = preview.branches.map(({ estimatedInputTokens }) => estimatedInputTokens);
  const known = inputs.filter((tokens) => tokens !== null);
  const tokens =
    known.length < inputs.length ? 'input tokens unknown' : `about ${tokenCount(Math.max(...known))} tokens each`;
  const cost = preview.billed ? moneyRange(preview.costUsd) : 'not billed';
  return [`${plural(preview.requests, 'request')} ${where}`, tokens, cost].join(' · ');
}
