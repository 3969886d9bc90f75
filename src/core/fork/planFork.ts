// src/core/fork: what a fork will send: cut, rebuilt request, branches, plan. Nothing that happens after sending: no
// events, no outcomes, no retries.

import { isAlias, modelFacts, modelNamed } from '../api/modelFacts.ts';
import { BadInputError } from '../errors.ts';
import { tokenCount } from '../format.ts';
import { type BlobRef, branchIdSchema, type RunId } from '../ids.ts';
import { promptTitle } from '../session/promptRules.ts';
import type { SessionSummary, Step, Turn } from '../session/recordedSession.ts';
import type { Sha256 } from '../sha256.ts';
import type { AgentDraft } from './agent/agentDraft.ts';
import { type BranchRequest, branchRequest } from './branchRequest.ts';
import type { CacheLimits } from './cacheLimits.ts';
import { branchPrefix } from './comparePrefix.ts';
import type { ForkContext } from './forkContext.ts';
import type { Baseline, BranchPlan, ForkPlan, Provider, RecordedAnswers, RecordedCall } from './forkPlan.ts';
import type { BranchSpec, ForkRequest, ReplayRequest, RunSettings } from './forkRequest.ts';
import { sendablePrompt } from './historyMessages.ts';
import { refuseIllegal } from './refuseIllegal.ts';
import { cacheTtlOf, sharePrefix } from './sharePrefix.ts';
import { requireModel } from './unknownModel.ts';

/** How the result cache is used where a request doesn't say. */
export interface CacheSettings {
  /** Answers are taken from it, but of branches that run once: who asks for repeats wants to see them differ. */
  enabled: boolean;
  limits: CacheLimits;
}

/** What planning needs besides the fork itself. */
export interface PlanningDeps {
  runId: RunId;
  /** ISO 8601. */
  createdAt: string;
  provider: Provider;
  sha256: Sha256;
  /** Stores a body and gives its reference. */
  put(value: unknown): Promise<BlobRef>;
  /** Set where Claude Code answers. */
  agent?: AgentDraft | undefined;
  /** The result cache; left out where there is none. */
  cache?: CacheSettings | undefined;
}

/**
 * What a fork will do: for each branch the request it begins with and what its tool calls are answered with.
 * A cut before a prompt leaves that prompt out of the history and puts it back as the new one, so it is there exactly once.
 * @throws BadInputError where a branch can't be made at this point
 */
export async function planFork(
  session: SessionSummary,
  context: ForkContext,
  request: ForkRequest,
  deps: PlanningDeps,
): Promise<ForkPlan> {
  const built = request.branches.map((branch) => branchRequest(context, branch, request.prompt));
  const turn = recordedTurn(context);
  const recorded = recordedAnswersOf(built[0], turn === null ? [] : [turn], context, false);
  return assemble({
    session,
    context,
    settings: request,
    specs: request.branches,
    built,
    recorded,
    kind: 'fork',
    prompt: request.prompt,
    deps,
  });
}

/**
 * What a replay will do: the recorded prompts from the cut on, one after another, once for each model and repeat.
 * @param request.to last turn to replay, by index; default: the last one recorded
 */
export async function planReplay(
  session: SessionSummary,
  context: ForkContext,
  request: ReplayRequest,
  deps: PlanningDeps,
): Promise<ForkPlan> {
  const turns = replayedTurns(context, request);
  if (request.models.length === 0) requireModel(context.rebuilt.request);
  const models = request.models.length > 0 ? request.models : [context.rebuilt.request.model];
  const specs: BranchSpec[] = [...new Set(models)].map((model) => ({ name: model, model, repeats: request.repeats }));
  const built = specs.map((spec) => branchRequest(context, spec, undefined));
  const recorded = recordedAnswersOf(built[0], turns, context, true);
  return assemble({ session, context, settings: request, specs, built, recorded, kind: 'replay', deps });
}

/** The recorded turns that a replay sends again: from the cut to turn `to`, by index. @throws BadInputError where there are none */
export function replayedTurns(context: ForkContext, { from, to }: Pick<ReplayRequest, 'from' | 'to'>): Turn[] {
  const last = to ?? Number.POSITIVE_INFINITY;
  const turns = context.following.filter((turn) => turn.index >= context.point.turnIndex && turn.index <= last);
  if (turns.length > 0) return turns;
  throw new BadInputError(
    `There is no turn to replay from ${from} to ${to}.`,
    'Let --to be the index of the first turn or a later one on the same branch.',
    { path: 'to' },
  );
}

/** The recorded turn that the branches are compared with: the one at the cut, or the next where the cut stands at a turn's end. */
export function recordedTurn(context: ForkContext): Turn | null {
  const [first, second] = context.following;
  const next = context.point.kind === 'after' && first !== undefined && first.steps.length === 0 ? second : first;
  return next ?? first ?? null;
}

function recordedAnswersOf(
  built: BranchRequest | undefined,
  turns: readonly Turn[],
  context: ForkContext,
  strictOrder: boolean,
): { answers: RecordedAnswers; turns: readonly Turn[] } {
  const recorded = turns.map((turn, index) => ({
    turn: index === 0 ? context.point.turnIndex : turn.index,
    prompt: index === 0 ? null : sendablePrompt(turn.promptContent),
    calls: turn.steps.flatMap(callsOf),
  }));
  return {
    answers: {
      prefixMessages: built?.stored.request.messages.length ?? 0,
      turns: recorded.length > 0 ? recorded : [{ turn: context.point.turnIndex, prompt: null, calls: [] }],
      strictOrder,
    },
    turns,
  };
}

function callsOf(step: Step): RecordedCall[] {
  return step.toolCalls.map((call) => ({
    name: call.name,
    input: call.input,
    result: call.result && { content: call.result.content, isError: call.result.isError },
  }));
}

function baselineOf(turns: readonly Turn[]): Baseline {
  const steps = turns.flatMap((turn) => turn.steps.map((step) => ({ turn: turn.index, step })));
  return {
    steps: steps.map(({ turn, step }) => ({
      turn,
      content: step.content,
      model: step.model,
      stopReason: step.stopReason,
      usage: step.usage,
      results: Object.fromEntries(
        step.toolCalls.flatMap((call) =>
          call.result ? [[call.id, { content: call.result.content, isError: call.result.isError }]] : [],
        ),
      ),
    })),
    startedAt: turns[0]?.at ?? null,
    endedAt: steps.at(-1)?.step.at ?? null,
  };
}

/** Tokens of the recorded turns' first replies' input, for the estimate of what a fork sends. */
function estimatedInput(context: ForkContext, built: BranchRequest): number {
  // Without a count from the API: about four characters a token, as its documentation says for English text.
  return context.rebuilt.inputTokens ?? Math.ceil(JSON.stringify(built.stored.request).length / 4);
}

interface Draft {
  session: SessionSummary;
  context: ForkContext;
  settings: RunSettings;
  specs: readonly BranchSpec[];
  built: readonly BranchRequest[];
  recorded: { answers: RecordedAnswers; turns: readonly Turn[] };
  kind: ForkPlan['kind'];
  /** Shared by the branches in place of the recorded one. */
  prompt?: string | undefined;
  deps: PlanningDeps;
}

async function assemble(draft: Draft): Promise<ForkPlan> {
  const { session, context, settings, deps } = draft;
  return {
    version: 1,
    runId: deps.runId,
    kind: draft.kind,
    engine: settings.engine,
    provider: deps.provider,
    executor: deps.agent === undefined ? 'api' : 'claude-code',
    agent: deps.agent?.plan ?? null,
    createdAt: deps.createdAt,
    title: titleOf(draft),
    session: {
      sessionId: session.sessionId,
      file: session.file,
      title: session.title,
      projectPath: session.projectPath,
    },
    point: context.point,
    fidelity: context.rebuilt.fidelity,
    digestVerified: context.rebuilt.digestVerified,
    missing: context.rebuilt.missing,
    tools: settings.tools,
    maxSteps: settings.maxSteps,
    budgetUsd: settings.budgetUsd ?? null,
    ...(deps.cache !== undefined &&
      (deps.agent === undefined || settings.cache === true) && { cache: deps.cache.limits }),
    timeoutSeconds: settings.timeoutSeconds,
    ...(draft.prompt !== undefined && { prompt: await deps.put(draft.prompt) }),
    branches: await planBranches(draft),
    baseline: await deps.put(baselineOf(draft.recorded.turns)),
  };
}

async function planBranches({ context, settings, specs, built, recorded, prompt, deps }: Draft): Promise<BranchPlan[]> {
  const rows = specs.map((spec, index) => ({ spec, built: built[index] as BranchRequest, repeats: spec.repeats }));
  const tokens = built[0] === undefined ? null : estimatedInput(context, built[0]);
  const shares = sharePrefix(rows, tokens, deps.sha256);
  const { agent } = deps;
  // Claude Code puts its requests together itself.
  if (agent === undefined) {
    for (const [row, { spec, built: request }] of rows.entries()) {
      refuseAlias(spec, row);
      requireModel(request.stored.request);
      refuseIllegal(context, spec, row, request);
      warnOfWindow(request, estimatedInput(context, request));
    }
  }
  const branches: BranchPlan[] = [];
  for (const [row, { spec, built: request }] of rows.entries()) {
    const share = shares[row] ?? { cacheGroup: null, leads: false };
    // Branches may differ in message count: dropped thinking blocks can take whole messages with them.
    const ownAnswers = { ...recorded.answers, prefixMessages: request.stored.request.messages.length };
    const prefix = branchPrefix(context.rebuilt, request.stored.request, context.point.uuid);
    const [requestRef, answersRef] = [await deps.put(request.stored), await deps.put(ownAnswers)];
    const prompts = agent?.prompts(spec, prompt);
    const usesCache = settings.cache ?? (deps.cache?.enabled === true && spec.repeats === 1);
    const promptsRef = prompts === undefined ? undefined : await deps.put(prompts);
    for (let repeat = 1; repeat <= spec.repeats; repeat++) {
      branches.push({
        branchId: branchIdSchema.parse(spec.repeats === 1 ? `b${row + 1}` : `b${row + 1}-${repeat}`),
        name: spec.name,
        repeat,
        repeats: spec.repeats,
        model: request.stored.request.model,
        request: requestRef,
        recording: answersRef,
        turns: prompts?.turns.length ?? recorded.answers.turns.length,
        changes: request.changes,
        notes: agent === undefined ? request.notes : agent.notes(spec, prompt),
        ...(promptsRef !== undefined && { agent: promptsRef }),
        prefix,
        cacheGroup: share.cacheGroup,
        cacheTtl: cacheTtlOf(request.stored.request),
        ...(request.stored.request['speed'] === 'fast' && { fast: true }),
        leads: share.leads && repeat === 1,
        ...(usesCache && agent === undefined && { usesCache }),
        estimatedInputTokens: estimatedInput(context, request),
      });
    }
  }
  return branches;
}

/** @throws BadInputError for a name that the API can't know */
function refuseAlias({ model, name }: BranchSpec, at: number): void {
  if (model === undefined) return;
  const isNone = modelNamed(model).model === '';
  if (!isNone && !isAlias(model)) return;
  const why = isNone
    ? 'which names none: “[1m]” stands behind a model'
    : 'which is a name that Claude Code makes a model of; the API knows no such model';
  throw new BadInputError(
    `Branch “${name}” has the model “${model}”, ${why}.`,
    'Write the model’s whole id, for example claude-haiku-4-5, or let Claude Code answer (executor claude-code).',
    { path: `branches.${at}.model` },
  );
}

function warnOfWindow({ stored: { request }, notes }: BranchRequest, tokens: number): void {
  const facts = modelFacts(request.model);
  if (facts === null || tokens <= facts.contextTokens) return;
  const [sent, most] = [tokens, facts.contextTokens].map((count) => tokenCount(count));
  notes.push(`About ${sent} tokens do not fit: ${request.model} takes ${most}, so the API will probably refuse them.`);
}

/** The prompt that the branches answer, in one line: what tells this run from another one at the same turn. */
function titleOf({ context, session, prompt }: Draft): string {
  const asked = prompt ?? context.recordedPrompt ?? context.following[0]?.prompt ?? session.title;
  const title = promptTitle(asked);
  return title.length > 80 ? `${title.slice(0, 79)}…` : title || session.title;
}
