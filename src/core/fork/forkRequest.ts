import * as z from 'zod';
import {
  checkSpecSchema,
  type Executor,
  executorSchema,
  filesChoiceSchema,
  permissionPolicySchema,
  placeChoiceSchema,
} from '../agent/agentSettings.ts';
import { effortSchema } from '../api/modelFacts.ts';
import { engineKindSchema, toolPolicySchema } from './runChoices.ts';

/** Where the history is cut. `turn` (1 = first) cuts before that turn's prompt and puts the prompt back for editing. */
export const forkPointSchema = z.union([
  z.strictObject({ turn: z.int().positive() }),
  z.strictObject({ before: z.string().min(1) }),
  z.strictObject({ after: z.string().min(1) }),
]);
export type ForkPoint = z.infer<typeof forkPointSchema>;

const systemEditSchema = z.union([
  z.strictObject({ append: z.string().min(1) }),
  z.strictObject({ replace: z.string() }),
]);

/** One row of the branch matrix: what it changes against the recording. What is left out stays as recorded. */
export const branchSpecSchema = z.strictObject({
  name: z.string().trim().min(1).max(80),
  model: z.string().trim().min(1).optional(),
  prompt: z.string().min(1).optional(),
  system: systemEditSchema.optional(),
  effort: effortSchema.optional(),
  /** `off`, or a budget of thinking tokens. */
  thinking: z.union([z.literal('off'), z.strictObject({ budgetTokens: z.int().min(1024) })]).optional(),
  maxTokens: z.int().positive().optional(),
  repeats: z.int().positive().max(50).default(1),
});
export type BranchSpec = z.infer<typeof branchSpecSchema>;

/** Each of these has its own name: it is what results are told apart by. */
function noTwoAlike(what: 'branches' | 'checks') {
  return (named: readonly { name: string }[], context: z.RefinementCtx): void => {
    const seen = new Set<string>();
    named.forEach(({ name }, index) => {
      if (!seen.has(name)) {
        seen.add(name);
        return;
      }
      const message = `Two ${what} are called "${name}". Give each its own name.`;
      context.addIssue({ code: 'custom', path: [index, 'name'], message });
    });
  };
}

const commands = z.array(z.string().trim().min(1)).max(50);

/** Choices for branches that Claude Code answers; with the Messages API they are left out (`leftOutNote`). */
const agentOptions = {
  place: placeChoiceSchema.optional().describe('Where a branch works; default: auto, the best that can be had.'),
  files: filesChoiceSchema.optional().describe('turn (as they were at the fork point; default), now, or a commit.'),
  permissions: permissionPolicySchema.optional().describe('ask (default), deny, or bypass.'),
  /** Shell commands that the recorded turn ran go through without a question. */
  allowRecorded: z.boolean().optional(),
  /** Allow rules of the project's `.claude/settings.json` count, also where Claude Code was never told to trust the folder. */
  allowProjectRules: z.boolean().optional(),
  setup: commands.optional().describe('Commands that run in the place before the agent starts.'),
  teardown: commands.optional().describe('Commands that run before a place is removed.'),
  include: z.array(z.string().min(1)).optional().describe('Patterns of ignored files that a worktree gets copies of.'),
  checks: z
    .array(checkSpecSchema)
    .max(20)
    .superRefine(noTwoAlike('checks'))
    .optional()
    .describe('Commands that say pass or fail of a place.'),
  maxTurns: z.int().positive().max(10_000).optional().describe('Replies of the agent at most.'),
  concurrency: z.int().positive().max(32).optional().describe('Agents that work at once; default 2.'),
};

/** The limits and choices that hold for all branches of a run. */
export const runSettingsSchema = z.strictObject({
  engine: engineKindSchema.default('in-process'),
  /** What answers; default: by what is there (see `executorOf`). */
  executor: executorSchema.optional(),
  tools: toolPolicySchema.default('recorded'),
  maxSteps: z.int().positive().max(1000).default(20),
  /** US dollars; once reached nothing more is dispatched. */
  budgetUsd: z.number().positive().optional(),
  cache: z
    .boolean()
    .optional()
    .describe(
      'Take answers of earlier runs to the very same requests, or with Claude Code results of checks on the very same state of a place. Default: by the settings; never of repeats, and never of checks.',
    ),
  /** Per branch. */
  timeoutSeconds: z.number().positive().max(86_400).default(600),
  ...agentOptions,
});
export type RunSettings = z.infer<typeof runSettingsSchema>;

/** What a person asks for: a fork file after its variables and matrix were expanded, or what the panel posts. */
export const forkRequestSchema = runSettingsSchema.extend({
  /** Session id, unique prefix of one, or path of a transcript. */
  session: z.string().min(1),
  at: forkPointSchema,
  /** Shared by all branches without their own; default: the recorded prompt. */
  prompt: z.string().min(1).optional(),
  branches: z.array(branchSpecSchema).min(1, 'Add at least one branch.').superRefine(noTwoAlike('branches')),
});
export type ForkRequest = z.infer<typeof forkRequestSchema>;

/** Replay: the recorded prompts from `from` to `to` sent in order, once per model and repeat. */
export const replayRequestSchema = runSettingsSchema.extend({
  session: z.string().min(1),
  from: z.int().positive().default(1),
  to: z.int().positive().optional(),
  models: z.array(z.string().min(1)).default([]),
  repeats: z.int().positive().max(50).default(1),
});
export type ReplayRequest = z.infer<typeof replayRequestSchema>;

/** What is to be run: a fork or a replay. */
export const askedSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('fork'), request: forkRequestSchema }),
  z.object({ kind: z.literal('replay'), request: replayRequestSchema }),
]);
export type Asked = z.infer<typeof askedSchema>;

/** Settings that only branches of Claude Code know. */
export const agentKeys = Object.keys(agentOptions) as (keyof typeof agentOptions)[];

/** Who answers where a request doesn't say: Claude Code where an option of its own is given, else `fallback`. */
export function executorOf(settings: RunSettings, fallback: Executor): Executor {
  if (settings.executor !== undefined) return settings.executor;
  return agentKeys.some((key) => settings[key] !== undefined) ? 'claude-code' : fallback;
}
