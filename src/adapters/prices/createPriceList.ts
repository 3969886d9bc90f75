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

/**
 * What is kept in the cache for an hour costs twice the input's price, for five minutes one and a quarter:
 * https://docs.claude.com/en/docs/build-with-claude/prompt-caching#pricing. Price lists name the latter.
 */
const hourByFiveMinutes = 2 / 1.25;

/** US dollars: https://platform.claude.com/docs/en/about-claude/pricing#web-search-tool */
const webSearchPrice = 0.01;

/** Prices of Anthropic's models as @pydantic/genai-prices lists them, loaded on the first call of this function. */
export async function createPriceList(overrides: PriceOverrides = {}): Promise<PriceList> {
  const { calcPrice } = await import('@pydantic/genai-prices');
  return {
    cost(model, usage) {
      const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWriteHourTokens = 0 } = usage;
      // Fast mode costs a multiple that differs between models, and no list names it.
      if (usage.fast) return null;
      const searched = (usage.webSearches ?? 0) * webSearchPrice;
      const written = cacheWriteTokens + (hourByFiveMinutes - 1) * cacheWriteHourTokens;
      const own = Object.hasOwn(overrides, model) ? overrides[model] : undefined;
      if (own !== undefined) {
        const sum =
          inputTokens * own.input +
          outputTokens * own.output +
          cacheReadTokens * own.cacheRead +
          written * own.cacheWrite;
        return sum / 1e6 + searched;
      }
      const priced = calcPrice(
        {
          // The library counts cached tokens as a part of the input, the API beside it.
          input_tokens: inputTokens + cacheReadTokens + written,
          output_tokens: outputTokens,
          cache_read_tokens: cacheReadTokens,
          cache_write_tokens: written,
        },
        model,
        { providerId: 'anthropic' },
      );
      return priced !== null && namesThisModel(priced.model.id, model) ? priced.total_price + searched : null;
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
