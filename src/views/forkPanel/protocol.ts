import * as z from 'zod';
import { answerSchema } from '../../core/agent/agentFacts.ts';
import { executorSchema, permissionPolicySchema, placeChoiceSchema } from '../../core/agent/agentSettings.ts';
import { effortSchema } from '../../core/api/modelFacts.ts';
import { forkPointSchema } from '../../core/fork/forkRequest.ts';
import { engineKindSchema, toolPolicySchema } from '../../core/fork/runChoices.ts';
import { branchIdSchema, runIdSchema } from '../../core/ids.ts';
import { fidelitySchema } from '../../core/session/fidelity.ts';

// Everything that crosses between the fork panel (browser) and the extension host, in both directions, on one screen.
// The host owns meaning: it turns drafts into requests and numbers into words. The panel owns what the person typed.

const typed = z.string().max(1_000_000);

/** The efforts that can be chosen, from low to high. */
export const efforts = effortSchema.options;

/** One row of the matrix as it was typed: it may be half filled, so numbers are texts. Null and '' mean as recorded. */
export const branchDraftSchema = z.strictObject({
  /** Identity of the row while the panel lives. */
  key: z.string().min(1).max(80),
  name: typed,
  model: typed.nullable(),
  prompt: typed.nullable(),
  system: z.strictObject({ mode: z.enum(['recorded', 'append', 'replace']), text: typed }),
  effort: effortSchema.nullable(),
  thinking: z.strictObject({ mode: z.enum(['recorded', 'off', 'budget']), tokens: typed }),
  maxTokens: typed,
  repeats: typed,
  /** Which of the row's parts are unfolded. */
  open: z.array(z.enum(['prompt', 'system', 'options'])),
});
export type BranchDraft = z.infer<typeof branchDraftSchema>;

/** A branch that changes nothing of the request; its name, repeats and unfolded parts don't count. */
export const asRecorded = {
  model: null,
  prompt: null,
  system: { mode: 'recorded', text: '' },
  effort: null,
  thinking: { mode: 'recorded', tokens: '' },
  maxTokens: '',
} satisfies Partial<BranchDraft>;

const keyed = { key: z.string().min(1).max(80) };

const checkDraftSchema = z.strictObject({
  ...keyed,
  /** '' stands for the command itself. */
  name: typed,
  run: typed,
  /** From the settings, null for the default. */
  timeoutSeconds: z.number().positive().nullable().default(null),
});

const commandDraftSchema = z.strictObject({ ...keyed, run: typed });

/** What holds for branches that Claude Code answers. Drafts of earlier versions have none of it: the API answered them. */
const agentDraft = {
  /** Null until the person chooses: then what is there decides, and what was chosen last. */
  executor: executorSchema.nullable().default('api'),
  place: placeChoiceSchema.default('auto'),
  files: z
    .strictObject({ mode: z.enum(['turn', 'now', 'commit']), commit: typed })
    .default({ mode: 'turn', commit: '' }),
  permissions: permissionPolicySchema.default('ask'),
  allowRecorded: z.boolean().default(false),
  setup: z.array(commandDraftSchema).max(50).default([]),
  checks: z.array(checkDraftSchema).max(20).default([]),
  maxTurns: typed.default(''),
};

/** A fork as far as it is filled in. This is what survives hiding, reloading and restarting. */
export const forkDraftSchema = z.strictObject({
  /** Counts the changes, so that of two copies the newer one is known. */
  edits: z.int().nonnegative(),
  session: z.string().min(1).max(4096),
  at: forkPointSchema,
  /** Shared by the branches without their own; null means as recorded. */
  prompt: typed.nullable(),
  branches: z.array(branchDraftSchema).max(200),
  engine: engineKindSchema,
  tools: toolPolicySchema,
  maxSteps: typed,
  timeoutMinutes: typed,
  budgetUsd: typed,
  ...agentDraft,
});
export type ForkDraft = z.infer<typeof forkDraftSchema>;

/** What the webview keeps with `setState`, and VS Code hands back to the serializer. */
export const savedPanelSchema = z.strictObject({ version: z.literal(1), draft: forkDraftSchema, runId: runIdSchema });
export type SavedPanel = z.infer<typeof savedPanelSchema>;

/** A problem beside the field that has it: `prompt`, `cut`, `budgetUsd`, …, or `branch:<key>:<field>`. */
export const fieldProblemSchema = z.strictObject({ field: z.string(), message: z.string() });
export type FieldProblem = z.infer<typeof fieldProblemSchema>;

export const shownErrorSchema = z.strictObject({ code: z.string(), message: z.string(), hint: z.string() });
export type ShownError = z.infer<typeof shownErrorSchema>;

/** One line of the conversation. Texts are clipped; `rowDetail` gives the rest. */
export const conversationRowSchema = z.strictObject({
  kind: z.enum(['prompt', 'reply', 'note']),
  /** 1-based place of its turn in this conversation. */
  turn: z.number(),
  text: z.string(),
  /** Few words that tell rows apart, for example `2 tools`. */
  facts: z.string(),
  /** For the tooltip: model, tokens, time. */
  tooltip: z.string(),
  problem: z.string().nullable(),
  /** Before a compaction: the model no longer saw it. */
  faded: z.boolean(),
  expandable: z.boolean(),
  /** The fork point that cuts right before or right after this row, null where no cut is possible. */
  cutBefore: forkPointSchema.nullable(),
  cutAfter: forkPointSchema.nullable(),
});
export type ConversationRow = z.infer<typeof conversationRowSchema>;

/** Where the cut stands among the rows. */
export const cutSchema = z.strictObject({
  at: forkPointSchema,
  row: z.number(),
  /** `before`: the row's prompt is put back for editing. `after`: the row is the last that is kept. */
  side: z.enum(['before', 'after']),
  /** For the header, for example `before “Now handle emoji”`. */
  label: z.string(),
  /** The prompt that is put back, null where the cut stands after a message. */
  recordedPrompt: z.string().nullable(),
  /** 1-based among the cuts that Alt+Up and Alt+Down walk through, and how many there are. */
  stop: z.number(),
  stops: z.number(),
});
export type Cut = z.infer<typeof cutSchema>;

export const rowPartSchema = z.strictObject({
  kind: z.enum(['text', 'thinking', 'call', 'result', 'error']),
  title: z.string(),
  text: z.string(),
});
export type RowPart = z.infer<typeof rowPartSchema>;

export const modelChoiceSchema = z.strictObject({ id: z.string(), name: z.string(), source: z.string() });
export type ModelChoice = z.infer<typeof modelChoiceSchema>;

export const engineStateSchema = z.strictObject({
  kind: engineKindSchema,
  ready: z.boolean(),
  /** One word or two for the label, for example `ready`; the sentence stands in `detail`. */
  state: z.string(),
  detail: z.string(),
  canStart: z.boolean(),
});
export type EngineState = z.infer<typeof engineStateSchema>;

const factSchema = z.strictObject({ text: z.string(), tooltip: z.string() });

/** Who can answer, as radio buttons. */
export const answererSchema = z.strictObject({
  executor: executorSchema,
  /** For example `Claude Code 2.1.329, in a copy of its own`. */
  label: z.string(),
  detail: z.string(),
});
export type Answerer = z.infer<typeof answererSchema>;

/** What can be done about a fork that nothing can answer. */
export const stepSchema = z.strictObject({
  do: z.enum(['setApiKey', 'findClaude', 'trust', 'useApi', 'useClaude']),
  label: z.string(),
});
export type Step = z.infer<typeof stepSchema>;

/** Why nothing can be run as it is, and the ways out of it. */
export const blockedSchema = z.strictObject({ message: z.string(), steps: z.array(stepSchema) });
export type Blocked = z.infer<typeof blockedSchema>;

/** Where agents will work and with what, in words. */
const agentTextsSchema = z.strictObject({
  /** `overlay at ~/shop`, with why not a better one. */
  place: factSchema,
  places: z.array(z.strictObject({ place: placeChoiceSchema, label: z.string(), available: z.boolean() })),
  /** How Claude Code is logged in and what follows. */
  login: factSchema,
  /** `12 exact · 1 likely · 2 not recorded`; null where no file is restored. */
  files: factSchema.nullable(),
  warnings: z.array(z.string()),
  /** Set-up that the repository has for other tools; `commands` as they are, to be taken over. */
  setupOffers: z.array(z.strictObject({ source: z.string(), text: z.string(), commands: z.array(z.string()) })),
  /** Why agents can't go on without asking, null where they can. */
  bypassRefused: z.string().nullable(),
});
export type AgentTexts = z.infer<typeof agentTextsSchema>;

/** What will be sent where and what it may cost, in words. */
export const previewTextsSchema = z.strictObject({
  pointLabel: z.string(),
  fidelity: fidelitySchema,
  fidelityText: z.string(),
  missing: z.array(z.string()),
  /** How much of the fork begins like the recording, in one line, and more of it: of branches that differ, too. */
  prefixText: z.string(),
  prefixDetails: z.array(z.string()),
  /** Label of the primary button, for example `Run 5 branches`. */
  runLabel: z.string(),
  facts: z.array(factSchema),
  billed: z.boolean(),
  recordedModel: z.string(),
  recordedModelName: z.string(),
  notes: z.array(z.string()),
  /** What must be known of single branches, by the row's key. */
  branchNotes: z.array(z.strictObject({ key: z.string(), notes: z.array(z.string()) })),
  executor: executorSchema,
  /** Set where Claude Code answers. */
  agent: agentTextsSchema.nullable(),
});
export type PreviewTexts = z.infer<typeof previewTextsSchema>;

const runStates = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
const runStateSchema = z.enum(runStates);

/** A question of an agent as a row shows it. */
export const questionViewSchema = z.strictObject({
  callId: z.string(),
  /** `npm install left-pad`, in one line. */
  title: z.string(),
  kind: z.enum(['permission', 'choices', 'plan']),
  tool: z.string(),
  reason: z.string().nullable(),
  /** A command or an input in full, an edit as removed and added lines, a plan. */
  lines: z.array(z.strictObject({ kind: z.enum(['same', 'added', 'removed']), text: z.string() })),
  /** Of `choices`: what the agent wants to know. */
  choices: z.array(
    z.strictObject({
      /** As the agent asked it: the answer names it by this text. */
      question: z.string(),
      text: z.string(),
      header: z.string(),
      several: z.boolean(),
      options: z.array(z.strictObject({ label: z.string(), text: z.string(), description: z.string() })),
    }),
  ),
});
export type QuestionView = z.infer<typeof questionViewSchema>;

export const branchProgressSchema = z.strictObject({
  branchId: branchIdSchema,
  name: z.string(),
  model: z.string(),
  state: z.enum([...runStates, 'waiting']),
  /** It can't go on before a person has answered. */
  asks: z.boolean(),
  /** `1.2k tokens · $0.01 · 8 s`, `+12 −3 in 2 files · tests pass`, or what it waits for. */
  facts: z.string(),
  tooltip: z.string(),
  /** End of the text so far. */
  tail: z.string(),
  questions: z.array(questionViewSchema),
  notes: z.array(z.string()),
  problem: shownErrorSchema.nullable(),
});
export type BranchProgress = z.infer<typeof branchProgressSchema>;

export const runProgressSchema = z.strictObject({
  runId: runIdSchema,
  state: runStateSchema,
  interrupted: z.boolean(),
  /** `3 of 5 done · 1 waits for you · $0.04` */
  summary: z.string(),
  branches: z.array(branchProgressSchema),
});
export type RunProgress = z.infer<typeof runProgressSchema>;

const nothing = z.strictObject({});
const ofRun = z.strictObject({ runId: runIdSchema });

/** What the panel asks of the host. Every call is answered once, with its result or with an error. */
export const methods = {
  /** First call of every life of the webview. `saved` is what it kept, null when it is new. */
  open: {
    params: z.strictObject({ saved: savedPanelSchema.nullable() }),
    result: z.strictObject({
      title: z.string(),
      rows: z.number(),
      cut: cutSchema,
      draft: forkDraftSchema,
      runId: runIdSchema,
      /** The draft was begun earlier and taken up again. */
      restored: z.boolean(),
      recordedModel: z.string().nullable(),
      models: z.array(modelChoiceSchema),
      engines: z.array(engineStateSchema),
      /** Who answers where the draft doesn't say, as far as is known yet. */
      executor: executorSchema,
      answerers: z.array(answererSchema),
      run: runProgressSchema.nullable(),
    }),
  },
  rows: {
    params: z.strictObject({ start: z.int().nonnegative(), count: z.int().positive().max(200) }),
    result: z.strictObject({ start: z.number(), rows: z.array(conversationRowSchema) }),
  },
  rowDetail: {
    params: z.strictObject({ row: z.int().nonnegative() }),
    result: z.strictObject({ parts: z.array(rowPartSchema) }),
  },
  /** Where the cut `by` places before (-1) or after (1) this one stands; 0 asks where this one stands. */
  cut: {
    params: z.strictObject({ at: forkPointSchema, by: z.union([z.literal(-1), z.literal(0), z.literal(1)]) }),
    result: cutSchema,
  },
  preview: {
    params: z.strictObject({ draft: forkDraftSchema }),
    result: z.strictObject({
      preview: previewTextsSchema.nullable(),
      problems: z.array(fieldProblemSchema),
      blocked: blockedSchema.nullable(),
    }),
  },
  /** Every model that can be offered; asks the API where a key is set. */
  models: { params: nothing, result: z.strictObject({ models: z.array(modelChoiceSchema), note: z.string() }) },
  engines: { params: nothing, result: z.strictObject({ engines: z.array(engineStateSchema) }) },
  /** Looks for Claude Code. */
  answerers: {
    params: nothing,
    result: z.strictObject({ executor: executorSchema, answerers: z.array(answererSchema) }),
  },
  /** Does something about what keeps a fork from running. */
  takeStep: { params: z.strictObject({ step: z.enum(['setApiKey', 'findClaude', 'trust']) }), result: nothing },
  /** Asks whether agents may go on without asking. */
  allowBypass: { params: nothing, result: z.strictObject({ allowed: z.boolean() }) },
  /** Opens the files as they were at the fork point. */
  showFiles: { params: z.strictObject({ at: forkPointSchema }), result: nothing },
  /** A person's answer to an agent's question. */
  answer: {
    params: z.strictObject({ runId: runIdSchema, branchId: branchIdSchema, callId: z.string(), answer: answerSchema }),
    result: nothing,
  },
  startTemporal: { params: nothing, result: z.strictObject({ engines: z.array(engineStateSchema) }) },
  /** Starts the run. The same `runId` twice is one run. `run` is null where the person declined. */
  dispatch: {
    params: z.strictObject({ runId: runIdSchema, draft: forkDraftSchema }),
    result: z.strictObject({ run: runProgressSchema.nullable(), problems: z.array(fieldProblemSchema) }),
  },
  cancel: { params: z.strictObject({ runId: runIdSchema, branchId: branchIdSchema.nullable() }), result: nothing },
  retry: { params: ofRun, result: nothing },
  resume: { params: ofRun, result: nothing },
  /** Opens diff editors: of one branch against the recording, or of all. */
  compare: { params: z.strictObject({ runId: runIdSchema, branchId: branchIdSchema.nullable() }), result: nothing },
  /** A fresh id, for the next run of the same panel. */
  newRun: { params: nothing, result: ofRun },
  /** Keeps the draft beyond the panel's life. */
  remember: { params: z.strictObject({ draft: forkDraftSchema }), result: nothing },
  /** Drops what was kept and begins again at the same cut. */
  startOver: { params: z.strictObject({ at: forkPointSchema }), result: z.strictObject({ draft: forkDraftSchema }) },
  openLink: { params: z.strictObject({ href: z.string().max(4096) }), result: nothing },
} satisfies Record<string, { params: z.ZodType; result: z.ZodType }>;

export type Method = keyof typeof methods;
export type Params<M extends Method> = z.infer<(typeof methods)[M]['params']>;
export type Result<M extends Method> = z.infer<(typeof methods)[M]['result']>;

/** What the host tells the panel without being asked. */
export const events = {
  run: runProgressSchema,
  /** Settings, trust or a key changed: who can answer is to be asked again. */
  answerersChanged: nothing,
  /** The recording grew, was rewritten or is gone. `cut`: where the cut stands in it now, null where it is gone. */
  conversation: z.strictObject({ rows: z.number(), gone: z.boolean(), cut: cutSchema.nullable() }),
} satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof events;
export type EventData<E extends EventName> = z.infer<(typeof events)[E]>;

const methodNames = Object.keys(methods) as [Method, ...Method[]];
const eventNames = Object.keys(events) as [EventName, ...EventName[]];

/** Panel to host. */
export const callSchema = z.strictObject({
  id: z.int().nonnegative(),
  method: z.enum(methodNames),
  params: z.unknown(),
});

/** Host to panel. `id` is null where a call was too damaged to have one. */
export const hostMessageSchema = z.union([
  z.strictObject({ id: z.int().nonnegative(), result: z.unknown() }),
  z.strictObject({ id: z.int().nonnegative().nullable(), error: shownErrorSchema }),
  z.strictObject({ event: z.enum(eventNames), data: z.unknown() }),
]);
export type HostMessage = z.infer<typeof hostMessageSchema>;
