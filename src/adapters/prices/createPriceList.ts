import type { PriceList } from '../../core/run/ports.ts';

/** US dollars for a million tokens. */
export interface ModelPrice {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
}

/** Prices by model id; they go before the built-in ones. */
export type PriceOverrides = Readonly<Record<string, ModelPrice>>;

/** Prices of Anthropic's models as @pydantic/genai-prices lists them, loaded on the first call of this function. */
export async function createPriceList(overrides: PriceOverrides = {}): Promise<PriceList> {
  const { calcPrice } = await import('@pydantic/genai-prices');
  return {
    cost(model, usage) {
      const own = Object.hasOwn(overrides, model) ? overrides[model] : undefined;
      if (own !== undefined) {
        const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
        const sum =
          inputTokens * own.input +
          outputTokens * own.output +
          cacheReadTokens * own.cacheRead +
          cacheWriteTokens * own.cacheWrite;
        return sum / 1e6;
      }
      const priced = calcPrice(
        {
          // The library counts cached tokens as a part of the input, the API beside it.
          input_tokens: usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens,
          output_tokens: usage.outputTokens,
          cache_read_tokens: usage.cacheReadTokens,
          cache_write_tokens: usage.cacheWriteTokens,
        },
        model,
        { providerId: 'anthropic' },
      );
      return priced !== null && namesThisModel(priced.model.id, model) ? priced.total_price : null;
    },
  };
}

/**
 * The library finds models by loose patterns, so that a new model gets the price of an old one. A price counts only where
 * the entry it found is this model, give or take a date or `-latest`.
 */
function namesThisModel(entry: string, model: string): boolean {
  const plain = (id: string): string => id.replace(/[@-](\d{8}|latest|0)$/, '').replaceAll('.', '-');
  return plain(entry) === plain(model);
}
