import { describe, expect, it } from 'vitest';
import { createPriceList } from '../../../../src/adapters/prices/createPriceList.ts';

const million = { inputTokens: 1_000_000, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

describe('the price list', () => {
  it('prices a known model, with or without its date', async () => {
    const prices = await createPriceList();
    expect(prices.cost('claude-haiku-4-5', { ...million, outputTokens: 1_000_000 })).toBeCloseTo(6);
    expect(prices.cost('claude-haiku-4-5-20251001', million)).toBeCloseTo(1);
  });

  it('counts cached tokens beside the input, at their own prices', async () => {
    const prices = await createPriceList();
    const cached = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 1_000_000, cacheWriteTokens: 0 };
    expect(prices.cost('claude-haiku-4-5', cached)).toBeCloseTo(0.1);
    expect(prices.cost('claude-haiku-4-5', { ...cached, cacheReadTokens: 0, cacheWriteTokens: 1_000_000 })).toBeCloseTo(
      1.25,
    );
  });

  it('counts what is kept in the cache for an hour at its price', async () => {
    const written = { ...million, inputTokens: 0, cacheWriteTokens: 1_000_000, cacheWriteHourTokens: 400_000 };
    const own = await createPriceList({ mine: { input: 2, output: 4, cacheRead: 1, cacheWrite: 2.5 } });
    expect(own.cost('claude-haiku-4-5', written)).toBeCloseTo(0.6 * 1.25 + 0.4 * 2);
    expect(own.cost('mine', written)).toBeCloseTo(0.6 * 2.5 + 0.4 * 4);
  });

  it.each(['claude-sonnet-5-5', 'my-own-model', 'claude-haiku-4-5-turbo', ''])(
    'gives no price for %j rather than that of a model with a similar name',
    async (model) => {
      expect((await createPriceList()).cost(model, million)).toBeNull();
    },
  );

  it('prefers prices of its own', async () => {
    const prices = await createPriceList({ 'my-own-model': { input: 2, output: 4, cacheRead: 1, cacheWrite: 3 } });
    const usage = {
      inputTokens: 500_000,
      outputTokens: 250_000,
      cacheReadTokens: 1_000_000,
      cacheWriteTokens: 1_000_000,
    };
    expect(prices.cost('my-own-model', usage)).toBeCloseTo(6);
  });
});
