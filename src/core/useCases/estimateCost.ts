import type { StoredReply } from '../api/storedReply.ts';
import { noUsage, type Usage } from '../api/usage.ts';
import type { BranchPlan } from '../fork/forkPlan.ts';
import type { PriceList } from '../run/ports.ts';

type BranchUsage = StoredReply['usage'];

/** Replies are taken to be at most so many times as long as the recorded ones for the upper end of the range. */
const longReply = 3;
/** Output tokens assumed where the recording tells none. */
const assumedOutput = 500;

/**
 * What a run may cost, in US dollars. Low: one request a branch, the shared prefix read from the cache, a reply as long as
 * the recorded one. High: as many requests as were recorded, the first one written to the cache, nothing read from it, replies
 * three times as long.
 * @returns null where a model has no known price or the size of the input is unknown
 */
export function estimateCost(
  branches: readonly BranchPlan[],
  following: readonly { steps: readonly { usage: Usage }[] }[],
  prices: PriceList,
): { low: number; high: number } | null {
  const recorded = following.slice(0, branches[0]?.turns ?? 1).flatMap((turn) => turn.steps.map((step) => step.usage));
  const output = recorded.map((usage) => usage.outputTokens || assumedOutput);
  const sum = { low: 0, high: 0 };
  for (const branch of branches) {
    const input = branch.estimatedInputTokens;
    if (input === null) return null;
    const speed = branch.fast ? { fast: true as const } : {};
    const low = prices.cost(branch.model, { ...firstRequest(branch, input, output[0] ?? assumedOutput), ...speed });
    const high = prices.cost(branch.model, { ...wholeCourse(branch, input, recorded, output), ...speed });
    if (low === null || high === null) return null;
    sum.low += low;
    sum.high += high;
  }
  return { low: Math.min(sum.low, sum.high), high: Math.max(sum.low, sum.high) };
}

function firstRequest(branch: BranchPlan, input: number, outputTokens: number): BranchUsage {
  if (branch.cacheGroup === null) return { ...noUsage, inputTokens: input, outputTokens };
  if (!branch.leads) return { ...noUsage, cacheReadTokens: input, outputTokens };
  return { ...written(branch, input), outputTokens };
}

/** The whole input, written to the cache. */
function written({ cacheTtl = '5m' }: BranchPlan, input: number): BranchUsage {
  if (cacheTtl === null) return { ...noUsage, inputTokens: input };
  return { ...noUsage, cacheWriteTokens: input, ...(cacheTtl === '1h' && { cacheWriteHourTokens: input }) };
}

function wholeCourse(
  branch: BranchPlan,
  input: number,
  recorded: readonly Usage[],
  output: readonly number[],
): BranchUsage {
  const requests = Math.max(1, recorded.length);
  // Each request carries the replies and results before it; where the recording tells its size, that is taken.
  const inputs = Array.from({ length: requests }, (_, index) => {
    const usage = recorded[index];
    const measured = usage ? usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens : 0;
    return Math.max(input, measured);
  });
  const outputTokens = (output.length === 0 ? [assumedOutput] : output).reduce(
    (sum, count) => sum + count * longReply,
    0,
  );
  const [first = input, ...further] = inputs;
  const usage = written(branch, first);
  return { ...usage, inputTokens: further.reduce((sum, count) => sum + count, usage.inputTokens), outputTokens };
}
