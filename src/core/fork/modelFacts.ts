/**
 * What is known of models' limits, from Anthropic's public model overview. Only facts that make a recorded request be
 * refused by another model stand here; a model that is not listed is taken as able to do everything, and the API decides.
 */
interface ModelFacts {
  /** Largest `max_tokens` that the model takes. */
  maxOutputTokens: number;
  /** Takes `output_config.effort`. */
  effort: boolean;
  /** Takes `thinking: {type: "adaptive"}`. */
  adaptiveThinking: boolean;
  /** Takes `thinking` at all. */
  thinking: boolean;
}

const families: readonly [RegExp, ModelFacts][] = [
  [/^claude-3-haiku/, { maxOutputTokens: 4096, effort: false, adaptiveThinking: false, thinking: false }],
  [/^claude-3-5-haiku/, { maxOutputTokens: 8192, effort: false, adaptiveThinking: false, thinking: false }],
  [/^claude-3-5-sonnet/, { maxOutputTokens: 8192, effort: false, adaptiveThinking: false, thinking: false }],
  [/^claude-3-opus/, { maxOutputTokens: 4096, effort: false, adaptiveThinking: false, thinking: false }],
  [/^claude-3-7-sonnet/, { maxOutputTokens: 64_000, effort: false, adaptiveThinking: false, thinking: true }],
  [
    /^claude-opus-4(-0|-1)?(-\d{8})?$/,
    { maxOutputTokens: 32_000, effort: false, adaptiveThinking: false, thinking: true },
  ],
  [
    /^claude-sonnet-4(-0)?(-\d{8})?$/,
    { maxOutputTokens: 64_000, effort: false, adaptiveThinking: false, thinking: true },
  ],
  [/^claude-sonnet-4-5/, { maxOutputTokens: 64_000, effort: false, adaptiveThinking: false, thinking: true }],
  [/^claude-haiku-4-5/, { maxOutputTokens: 64_000, effort: false, adaptiveThinking: false, thinking: true }],
  [/^claude-opus-4-5/, { maxOutputTokens: 64_000, effort: true, adaptiveThinking: false, thinking: true }],
];

/** Known limits of a model, null where nothing is known. Variants such as `claude-opus-4-1[1m]` count as their base. */
export function modelFacts(model: string): ModelFacts | null {
  const base = model.replace(/\[.*\]$/, '');
  return families.find(([pattern]) => pattern.test(base))?.[1] ?? null;
}
