import * as z from 'zod';
import { blobRefSchema } from '../ids.ts';

/** What answers in a branch: the user's own Claude Code, which really works, or the Messages API, where nothing is executed. */
export const executorSchema = z.enum(['claude-code', 'api']);
export type Executor = z.infer<typeof executorSchema>;

/**
 * Where an agent branch works. `overlay`: copy-on-write at the recorded path itself; `copy`: cloned files at another path;
 * `worktree`: a checkout of its own at another path.
 */
export const placeKindSchema = z.enum(['overlay', 'copy', 'worktree']);
export type PlaceKind = z.infer<typeof placeKindSchema>;

export const placeChoiceSchema = z.enum(['auto', ...placeKindSchema.options]);
export type PlaceChoice = z.infer<typeof placeChoiceSchema>;

/**
 * Which files the place begins with: `turn` (as they were at the fork point), `now`, or those of a commit, named by any revision
 * that git understands.
 */
export const filesChoiceSchema = z
  .string()
  .min(1)
  .max(250)
  .regex(/^(?![-\s])[^\u0000-\u001f\u007f]+$/, 'Give "turn", "now", or a commit; no name begins with "-" or a space.');

/** `ask`: a person answers what is not allowed; `deny`: all of that is denied; `bypass`: nothing is asked. */
export const permissionPolicySchema = z.enum(['ask', 'deny', 'bypass']);
export type PermissionPolicy = z.infer<typeof permissionPolicySchema>;

/** A command that says pass (exit code 0) or fail of a place. */
export const checkSpecSchema = z.strictObject({
  name: z.string().trim().min(1).max(80),
  run: z.string().trim().min(1).max(10_000),
  timeoutSeconds: z.number().positive().max(86_400).default(300),
});
export type CheckSpec = z.infer<typeof checkSpecSchema>;

/** A file as it is to lie in a place before the agent starts. */
export const placedFileSchema = z.object({
  /** Absolute, as recorded. */
  path: z.string(),
  /** Blob of `{ base64 }`; null where there is to be no such file. */
  content: blobRefSchema.nullable(),
  /** Permission bits in octal, null where not recorded. */
  mode: z.string().nullable(),
  certainty: z.enum(['exact', 'likely']),
});
export type PlacedFile = z.infer<typeof placedFileSchema>;

/** Files at one moment of the recording, as far as they are known. Blob behind `AgentPlan.files` and `AgentPlan.recordedEnd`. */
export const placedFilesSchema = z.object({
  files: z.array(placedFileSchema),
  /** Absolute paths of files that the session touched and whose state is not recorded, with the reason. */
  unknown: z.array(z.object({ path: z.string(), reason: z.string() })),
  warnings: z.array(z.string()),
});
export type PlacedFiles = z.infer<typeof placedFilesSchema>;

/** Lines of the recording up to the fork point, from which a branch's own session is written. Blob behind `AgentPlan.chain`. */
export const branchChainSchema = z.object({
  /** Records in file order, each the JSON text of one line. */
  lines: z.array(z.string()),
  /** `uuid` of the last message kept, null where nothing is kept (a fork before the first prompt). */
  leafUuid: z.string().nullable(),
  /** Working directory at the fork point. */
  cwd: z.string().nullable(),
  /** Version of Claude Code that recorded the fork point. */
  version: z.string().nullable(),
  permissionMode: z.string().nullable(),
  /** Names of the tools that the recorded request offered, those that it only named included; null where no request is logged. */
  tools: z.array(z.string()).nullable(),
  /**
   * `uuid` to resume the branch's session at with its first prompt, null where that needs no saying: where the history ends with
   * results or output of commands, Claude Code puts a made-up reply behind them unless it is told.
   */
  resumeAt: z.string().nullable().optional(),
  /** Content blocks of the prompt that is put back, null where the cut stands after a message. */
  prompt: z.array(z.looseObject({ type: z.string() })).nullable(),
});
export type BranchChain = z.infer<typeof branchChainSchema>;

/** What holds for all branches of a run that Claude Code answers. */
export const agentPlanSchema = z.object({
  /** The program, absolute. */
  program: z.string(),
  version: z.string().nullable(),
  /** Claude Code's config folder that the recording lies in: the branch's session is written there. */
  configDir: z.string(),
  /** Folder that the session ran in at the fork point, absolute. */
  folder: z.string(),
  place: placeChoiceSchema,
  filesChoice: filesChoiceSchema,
  /** Commit to begin from where it differs from what is checked out now; null: what is there. */
  base: z.string().nullable(),
  /** Blob of `PlacedFiles`: the state to restore. */
  files: blobRefSchema,
  /** Blob of `PlacedFiles`: the state after the recorded course, null where nothing of it is known. */
  recordedEnd: blobRefSchema.nullable(),
  /** Blob of a `BranchChain`. */
  chain: blobRefSchema,
  /** Blob of the recorded `MessagesRequest` at the fork point, null where none is logged: what the prefix is measured against. */
  recordedRequest: blobRefSchema.nullable(),
  permissions: permissionPolicySchema,
  /** Blob of `string[]`: shell commands of the recorded turn that go through without being asked for; null: none do. */
  allowedCommands: blobRefSchema.nullable(),
  /** Allow rules of the project's settings that are passed on; none unless the person asked for it. */
  allowRules: z.array(z.string()).default([]),
  setup: z.array(z.string()),
  teardown: z.array(z.string()),
  /** Patterns of ignored files that a worktree gets copies of. */
  include: z.array(z.string()),
  checks: z.array(checkSpecSchema),
  /** Checks are answered from the result cache where all that they could see is equal. Not in plans of earlier versions. */
  cacheChecks: z.boolean().default(false),
  /** Replies of the model in one turn at most; null: no limit of ours. */
  maxTurns: z.int().positive().nullable(),
  /** Branches that work at once. */
  concurrency: z.int().positive(),
});
export type AgentPlan = z.infer<typeof agentPlanSchema>;

/** What a branch changes for the agent; null stands for as recorded. */
export const agentBranchSchema = z.object({
  model: z.string().nullable(),
  effort: z.string().nullable(),
  system: z.union([z.object({ append: z.string() }), z.object({ replace: z.string() })]).nullable(),
  /** `off`, or a budget of thinking tokens. */
  thinking: z.union([z.literal('off'), z.object({ budgetTokens: z.number() })]).nullable(),
});

/** The prompts of a branch, sent one after another. Blob behind `BranchPlan.agent`. */
export const agentPromptsSchema = z.object({
  branch: agentBranchSchema,
  turns: z
    .array(
      z.object({
        /** Index of the recorded turn. */
        turn: z.number(),
        content: z.array(z.looseObject({ type: z.string() })).min(1),
      }),
    )
    .min(1),
});
export type AgentPrompts = z.infer<typeof agentPromptsSchema>;
