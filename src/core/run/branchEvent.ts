import * as z from 'zod';
import {
  answerSchema,
  changedFileSchema,
  checkResultSchema,
  commitSchema,
  doubtSchema,
  failedTeardownSchema,
  measuredPrefixSchema,
  placeSchema,
  questionSchema,
} from '../agent/agentFacts.ts';
import { usageSchema } from '../api/storedReply.ts';
import { failureSchema } from '../failure.ts';
import { blobRefSchema, branchIdSchema, runIdSchema } from '../ids.ts';
import { billingSchema, branchOutcomeSchema, stepResultSchema, toolCallSchema } from './branchOutcome.ts';
import { runChangesSchema } from './runChanges.ts';
import { limitChangeSchema } from './runLimits.ts';

const base = { runId: runIdSchema, at: z.iso.datetime() };
const ofBranch = { ...base, branchId: branchIdSchema };

/** What happens in a branch that Claude Code answers, beside the events of every branch. */
const agentEvents = [
  /** The place is there and holds the files of the fork point; the branch's session is written. */
  z.object({
    type: z.literal('place-ready'),
    ...ofBranch,
    place: placeSchema,
    sessionId: z.string(),
    /** A port that is the branch's own. */
    port: z.number().nullable(),
    notes: z.array(z.string()),
  }),
  z.object({ type: z.literal('setup-ended'), ...ofBranch, result: checkResultSchema }),
  /** `resumed`: the agent goes on where it was; `inDoubt` are calls that may have been carried out when it was lost. */
  z.object({
    type: z.literal('prompt-sent'),
    ...ofBranch,
    turn: z.number(),
    /** Prompts that the branch's session held before. */
    promptsBefore: z.number(),
    resumed: z.boolean(),
    inDoubt: z.array(doubtSchema),
    /** US dollars that the branch may have cost when the prompt has ended; null where the run has no budget. */
    costLimitUsd: z.number().nullable().optional(),
  }),
  /** An agent was lost too often and is given up; `inDoubt` as above. */
  z.object({ type: z.literal('given-up'), ...ofBranch, inDoubt: z.array(doubtSchema) }),
  z.object({
    type: z.literal('agent-started'),
    ...ofBranch,
    model: z.string(),
    version: z.string().nullable(),
    permissionMode: z.string().nullable(),
  }),
  /** Result of a call, as a blob of `{ content }`. `parent`: call of the subagent that made it. */
  z.object({
    type: z.literal('tool-result'),
    ...ofBranch,
    callId: z.string(),
    result: blobRefSchema,
    isError: z.boolean(),
    parent: z.string().nullable(),
  }),
  /** A reply of a subagent. */
  z.object({
    type: z.literal('subagent-step'),
    ...ofBranch,
    parent: z.string(),
    reply: blobRefSchema,
    model: z.string().nullable(),
    usage: usageSchema,
    calls: z.array(toolCallSchema),
    /** US dollars by tokens and price, null where that isn't known. */
    costUsd: z.number().nullable().optional(),
  }),
  z.object({ type: z.literal('call-denied'), ...ofBranch, callId: z.string(), tool: z.string(), message: z.string() }),
  z.object({ type: z.literal('question-asked'), ...ofBranch, question: questionSchema }),
  z.object({
    type: z.literal('question-answered'),
    ...ofBranch,
    callId: z.string(),
    answer: answerSchema,
    /** The same call of a process that was lost, to which the answer was given. */
    givenTo: z.string().optional(),
  }),
  /** Nobody waits for the answer any more: Claude Code went on without it, or its turn is over. */
  z.object({
    type: z.literal('question-withdrawn'),
    ...ofBranch,
    callId: z.string(),
    /** Claude Code went on without it: the call may have been carried out. */
    wentOn: z.literal(true).optional(),
  }),
  z.object({
    type: z.literal('agent-waiting'),
    ...ofBranch,
    for: z.enum(['limit', 'retry']),
    until: z.string().nullable(),
  }),
  z.object({ type: z.literal('compacted'), ...ofBranch, preTokens: z.number().nullable() }),
  z.object({ type: z.literal('prefix-measured'), ...ofBranch, prefix: measuredPrefixSchema }),
  /** A prompt is through. `activeMs`: without the time that it waited for a person. */
  z.object({
    type: z.literal('agent-turn-ended'),
    ...ofBranch,
    turn: z.number(),
    kind: z.enum(['completed', 'max_turns', 'budget', 'limit', 'timeout', 'failed']),
    costUsd: z.number().nullable(),
    activeMs: z.number(),
  }),
  /** `changes`: blob of a `ChangeSet`. */
  z.object({
    type: z.literal('files-changed'),
    ...ofBranch,
    files: z.array(changedFileSchema),
    commits: z.array(commitSchema),
    changes: blobRefSchema,
    notes: z.array(z.string()),
  }),
  z.object({ type: z.literal('check-ended'), ...ofBranch, result: checkResultSchema }),
  z.object({ type: z.literal('branch-note'), ...ofBranch, text: z.string() }),
  /** A check of a state that branches are compared with. */
  z.object({
    type: z.literal('baseline-checked'),
    ...base,
    state: z.enum(['fork-point', 'recorded']),
    result: checkResultSchema,
  }),
  /** Such a state could not be laid out, or not be checked to the end. */
  z.object({
    type: z.literal('baseline-failed'),
    ...base,
    state: z.enum(['fork-point', 'recorded']),
    reason: z.string(),
  }),
  /** A place was removed, and a command that was to tear down what was set up in it failed. */
  z.object({ type: z.literal('teardown-failed'), ...base, failed: failedTeardownSchema }),
] as const;

/**
 * Everything that happens in a run, in the order it happened. Events are appended to the run's log before they are
 * shown; folding them (`foldRun`) gives the run's state, so a reader who comes late misses nothing.
 */
export const branchEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('run-started'), ...base, attempt: z.number() }),
  /** A branch came to the run while it was under way; the stored plan has it. */
  z.object({ type: z.literal('branch-added'), ...ofBranch }),
  /** The run has other limits from now on; the stored plan has them. */
  z.object({ type: z.literal('limits-changed'), ...base, change: limitChangeSchema }),
  z.object({ type: z.literal('branch-started'), ...ofBranch }),
  /** The API wants no such calls for a while, whoever asked last: this one leaves at `until` (ISO 8601). */
  z.object({ type: z.literal('call-held'), ...ofBranch, step: z.number(), until: z.iso.datetime() }),
  z.object({ type: z.literal('request-sent'), ...ofBranch, step: z.number(), attempt: z.number() }),
  z.object({ type: z.literal('first-token'), ...ofBranch, step: z.number() }),
  /** Text since the last such event of the step; coalesced, so at most a few a second. */
  z.object({
    type: z.literal('text-delta'),
    ...ofBranch,
    step: z.number(),
    text: z.string(),
    outputTokens: z.number().nullable(),
  }),
  /** A call failed and will be made again after `delayMs`. `billing` is `unknown` where the failed one may have been billed. */
  z.object({
    type: z.literal('retrying'),
    ...ofBranch,
    step: z.number(),
    attempt: z.number(),
    delayMs: z.number(),
    error: failureSchema,
    billing: billingSchema,
  }),
  z.object({ type: z.literal('step-completed'), ...ofBranch, result: stepResultSchema }),
  z.object({ type: z.literal('tools-answered'), ...ofBranch, step: z.number(), calls: z.array(toolCallSchema) }),
  ...agentEvents,
  z.object({ type: z.literal('branch-ended'), ...ofBranch, outcome: branchOutcomeSchema }),
  /** A branch that ended or was interrupted is about to be run again by `retry` or `resume`. */
  z.object({ type: z.literal('branch-reset'), ...ofBranch, reason: z.enum(['retry', 'resume']) }),
  /** A run of a schedule was compared with the one before it. Comes after its end. */
  z.object({
    type: z.literal('previous-compared'),
    ...base,
    changes: runChangesSchema,
    /** Blob of a `PairedRuns`: the texts with their differences. */
    comparison: blobRefSchema,
  }),
  z.object({ type: z.literal('run-ended'), ...base, state: z.enum(['completed', 'failed', 'cancelled']) }),
]);
export type BranchEvent = z.infer<typeof branchEventSchema>;
