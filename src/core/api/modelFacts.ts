import * as z from 'zod';

export const effortSchema = z.enum(['low', 'medium', 'high', 'xhigh', 'max']);
export type Effort = z.infer<typeof effortSchema>;

/**
 * What is known of models, from Anthropic's public model overview and its pages on thinking. Only facts that make a recorded
 * request be refused by another model, or by the same one once something was changed, stand here; a model that is not listed is
 * taken as able to do everything, and the API decides.
 */
export interface ModelFacts {
  /** Largest `max_tokens` that the model takes. */
  maxOutputTokens: number;
  /** What `output_config.effort` may be, the least first; nothing where the model knows no effort. */
  efforts: readonly Effort[];
  /** Takes `thinking: {type: "adaptive"}`. */
  adaptiveThinking: boolean;
  /** Takes `thinking: {type: "enabled", budget_tokens}`. */
  thinkingBudget: boolean;
  /** How a request says that the model is not to think: by no `thinking`, or by one of this type. Null where it thinks all the same. */
  thinkingOff: 'omitted' | 'disabled' | 'between_tools' | null;
  /** Takes system messages within the conversation. */
  systemMessages: boolean;
  /** Takes an effort of its own with a message. */
  messageEffort: boolean;
  /**
   * Refuses thinking blocks before which anything has changed: https://platform.claude.com/docs/en/build-with-claude/preserved-thinking
   */
  bindsThinking: boolean;
  /** Tokens that it takes in all: with the long context where it has one. */
  contextTokens: number;
  /** Takes the beta `context-1m-…`: https://platform.claude.com/docs/en/build-with-claude/context-windows */
  longContext: boolean;
  /** Takes the edit `compact_…`: https://platform.claude.com/docs/en/build-with-claude/compaction */
  compaction: boolean;
}

const withoutThinking: ModelFacts = {
  maxOutputTokens: 8192,
  efforts: [],
  adaptiveThinking: false,
  thinkingBudget: false,
  thinkingOff: 'omitted',
  systemMessages: false,
  messageEffort: false,
  bindsThinking: false,
  contextTokens: 200_000,
  longContext: false,
  compaction: false,
};
const long = { contextTokens: 1_000_000, longContext: true };
const withBudget: ModelFacts = { ...withoutThinking, maxOutputTokens: 64_000, thinkingBudget: true };
const withBoth: ModelFacts = {
  ...withBudget,
  ...long,
  efforts: ['low', 'medium', 'high'],
  adaptiveThinking: true,
  compaction: true,
};
const adaptiveOnly: ModelFacts = {
  ...withBoth,
  efforts: effortSchema.options,
  maxOutputTokens: 128_000,
  thinkingBudget: false,
};

const since48: ModelFacts = { ...adaptiveOnly, systemMessages: true };
const latest: ModelFacts = { ...since48, thinkingOff: null, messageEffort: true, bindsThinking: true };

const families: readonly [RegExp, ModelFacts][] = [
  [/^claude-3-haiku/, { ...withoutThinking, maxOutputTokens: 4096 }],
  [/^claude-3-5-(haiku|sonnet)/, withoutThinking],
  [/^claude-3-opus/, { ...withoutThinking, maxOutputTokens: 4096 }],
  [/^claude-3-7-sonnet/, withBudget],
  [/^claude-opus-4(-0|-1)?(-\d{8})?$/, { ...withBudget, maxOutputTokens: 32_000 }],
  [/^claude-sonnet-4(-0)?(-\d{8})?$/, { ...withBudget, ...long }],
  [/^claude-sonnet-4-5/, { ...withBudget, ...long }],
  [/^claude-haiku-4-5/, withBudget],
  [/^claude-opus-4-5/, { ...withBudget, efforts: withBoth.efforts }],
  [/^claude-sonnet-4-6/, withBoth],
  [/^claude-opus-4-6/, { ...withBoth, efforts: [...withBoth.efforts, 'max'], maxOutputTokens: 128_000 }],
  [/^claude-opus-4-7/, adaptiveOnly],
  [/^claude-opus-4-8/, since48],
  [/^claude-opus-5(-0)?(-\d{8})?$/, { ...since48, thinkingOff: 'disabled' }],
  [/^claude-sonnet-5(-0)?(-\d{8})?$/, { ...adaptiveOnly, thinkingOff: 'disabled' }],
  [/^claude-(fable|mythos)-5(-0)?(-\d{8})?$/, { ...since48, thinkingOff: null }],
  [/^claude-sonnet-5-5/, { ...latest, thinkingOff: 'between_tools' }],
  [/^claude-(opus|haiku)-5-5/, latest],
  [/^claude-(fable|mythos)-5-[12]/, latest],
];

/** Known facts of a model, null where nothing is known. Variants such as `claude-opus-4-1[1m]` count as their base. */
export function modelFacts(model: string): ModelFacts | null {
  const base = model.replace(/\[.*\]$/, '');
  return families.find(([pattern]) => pattern.test(base))?.[1] ?? null;
}

/** The model that a person names, as the API calls it (empty where nothing stands before `[1m]`), and whether they want its long context. */
export function modelNamed(given: string): { model: string; isLong: boolean } {
  const [, model = given, isLong] = /^(.*?)(\[1m\])?$/i.exec(given.trim()) ?? [];
  return { model, isLong: isLong !== undefined };
}

/** Names that Claude Code makes a model of, and that the API does not know. */
const aliases = /^(?:default|inherit|best|opusplan|opus|sonnet|haiku|fable|mythos)$/i;

export function isAlias(model: string): boolean {
  return aliases.test(modelNamed(model).model);
}
