import { describe, expect, it } from 'vitest';
import type { MessagesRequest } from '../../../../src/core/api/messagesRequest.ts';
import { forkRequestSchema } from '../../../../src/core/fork/forkRequest.ts';
import { planFork } from '../../../../src/core/fork/planFork.ts';
import type { PriceList } from '../../../../src/core/run/ports.ts';
import { estimateCost } from '../../../../src/core/useCases/estimateCost.ts';
import { MemoryBlobs, sha256 } from '../../../support/memoryStores.ts';
import { context, request, runId, step, summary, turn } from '../../../support/plans.ts';

/** A dollar a million tokens of input, five of output; the cache as the API charges it. */
const prices: PriceList = {
  cost: (model, usage) =>
    model === 'unheard-of'
      ? null
      : (usage.inputTokens +
          1.25 * usage.cacheWriteTokens +
          0.75 * (usage.cacheWriteHourTokens ?? 0) +
          0.1 * usage.cacheReadTokens +
          5 * usage.outputTokens) /
        1e6,
};

async function estimate(branches: object[], following = [turn()], recorded = request()) {
  const blobs = new MemoryBlobs();
  const plan = await planFork(
    summary(),
    context({ following, rebuilt: { ...context().rebuilt, request: recorded } }),
    forkRequestSchema.parse({ session: 's', at: { turn: 2 }, branches }),
    { runId, createdAt: '2026-01-01T00:00:00.000Z', provider: 'anthropic', sha256, put: (value) => blobs.put(value) },
  );
  return estimateCost(plan.branches, following, prices);
}

describe('estimateCost', () => {
  it('takes one request with a reply as recorded as the low end, a long one as the high end', async () => {
    expect(await estimate([{ name: 'a' }])).toEqual({ low: (5000 + 5 * 20) / 1e6, high: (1.25 * 5000 + 5 * 60) / 1e6 });
  });

  it('takes what is written to the cache for an hour at its price', async () => {
    const hour = JSON.parse(
      JSON.stringify(request()).replaceAll('{"type":"ephemeral"}', '{"type":"ephemeral","ttl":"1h"}'),
    ) as MessagesRequest;
    const range = await estimate([{ name: 'a', repeats: 2 }], [turn()], hour);
    expect(range?.low).toBeCloseTo((2 * 5000 + 0.1 * 5000 + 2 * 5 * 20) / 1e6, 12);
    expect(range?.high).toBeCloseTo((2 * (2 * 5000 + 5 * 60)) / 1e6, 12);
  });

  it('writes nothing to the cache for a request without a breakpoint', async () => {
    const plain = JSON.parse(
      JSON.stringify(request()).replaceAll(',"cache_control":{"type":"ephemeral"}', ''),
    ) as MessagesRequest;
    expect((await estimate([{ name: 'a' }], [turn()], plain))?.high).toBeCloseTo((5000 + 5 * 60) / 1e6, 12);
  });

  it('lets branches that share a prefix read it from the cache in the low end', async () => {
    const range = await estimate([{ name: 'a', repeats: 5 }]);
    expect(range?.low).toBeCloseTo((1.25 * 5000 + 4 * 0.1 * 5000 + 5 * 5 * 20) / 1e6, 12);
    expect(range?.high).toBeCloseTo((5 * (1.25 * 5000 + 5 * 60)) / 1e6, 12);
  });

  it('counts as many requests as were recorded, each with what came before it, in the high end', async () => {
    const grown = step({ usage: { inputTokens: 10, cacheReadTokens: 7000, cacheWriteTokens: 0, outputTokens: 40 } });
    const range = await estimate([{ name: 'a' }], [turn({ steps: [step(), grown] })]);
    expect(range?.high).toBeCloseTo((1.25 * 5000 + 7010 + 5 * 3 * 60) / 1e6, 12);
  });

  it('gives no range where one model has no price', async () => {
    expect(await estimate([{ name: 'a' }, { name: 'b', model: 'unheard-of' }])).toBeNull();
  });
});
