import { blocksOf, type MessagesRequest, type RequestBlock } from '../api/messagesRequest.ts';
import { modelFacts, modelNamed } from '../api/modelFacts.ts';
import {
  beginsWithThinking,
  bindsThinking,
  endsWithResults,
  thinkingOf,
  withoutThinking,
} from '../api/thinkingBlocks.ts';
import { BadInputError } from '../errors.ts';
import { adaptToModel, fitThinkingBudget, switchThinkingOff } from './adaptToModel.ts';
import type { ForkContext } from './forkContext.ts';
import type { StoredRequest } from './forkPlan.ts';
import type { BranchSpec } from './forkRequest.ts';
import { withOtherWords } from './promptPlace.ts';

const longContextBeta = 'context-1m-2025-08-07';

/** A branch's first request with what it changes and what a person should know of it. */
export interface BranchRequest {
  stored: StoredRequest;
  changes: string[];
  notes: string[];
  /** Where the shared history ends: the prompt's message and block, or the end of the messages. */
  cut: { message: number; block: number };
}

/**
 * The first request of a branch: the rebuilt one with the branch's changes and nothing else, so a branch that changes
 * nothing sends exactly what was recorded.
 * @param sharedPrompt prompt of all branches without their own, undefined = as recorded
 * @throws BadInputError where the fork needs a prompt and has none
 */
export function branchRequest(
  context: ForkContext,
  branch: BranchSpec,
  sharedPrompt: string | undefined,
): BranchRequest {
  const request = structuredClone(context.rebuilt.request) as MessagesRequest;
  const result: BranchRequest = {
    stored: { request, betas: [...context.rebuilt.betas] },
    changes: [],
    notes: [],
    cut: cutOf(context),
  };
  applyModel(result, branch);
  applyPrompt(result, context, branch.prompt ?? sharedPrompt);
  applySystem(result, branch);
  applyThinking(result, branch);
  applyMaxTokens(result, branch);
  applyEffort(result, branch);
  if (result.changes.length > 0 || !context.rebuilt.digestVerified) thinkOnlyWhereAllowed(result);
  return result;
}

function cutOf(context: ForkContext): BranchRequest['cut'] {
  return context.rebuilt.promptAt ?? { message: context.rebuilt.request.messages.length, block: 0 };
}

function applyModel(result: BranchRequest, branch: BranchSpec): void {
  const { request } = result.stored;
  if (branch.model === undefined) return;
  const recorded = request.model;
  const { model, isLong } = modelNamed(branch.model);
  if (model !== recorded) {
    request.model = model;
    result.changes.push('model');
    leaveFastMode(result, recorded);
    const dropped = dropThinking(result);
    if (dropped > 0) {
      const them = dropped === 1 ? 'it' : 'them';
      noteDropped(result, dropped, `signed by ${recorded}, ${model} would refuse ${them}`);
    }
    adaptToModel(result, branch);
  }
  if (isLong) askForLongContext(result);
}

function leaveFastMode(result: BranchRequest, recorded: string): void {
  const { request } = result.stored;
  if (request['speed'] === undefined || request['speed'] === 'standard') return;
  delete request['speed'];
  result.stored.betas = result.stored.betas.filter((beta) => !beta.startsWith('fast-mode-'));
  result.notes.push(`Fast mode left out: only some models have it, and it was asked of ${recorded}.`);
}

/** `[1m]` behind a model is how Claude Code says what the API is told by a beta. */
function askForLongContext({ stored, changes, notes }: BranchRequest): void {
  if (stored.betas.some((beta) => beta.startsWith('context-1m-'))) return;
  if (modelFacts(stored.request.model)?.longContext === false) {
    notes.push(`“[1m]” left out: ${stored.request.model} has no long context.`);
    return;
  }
  stored.betas.push(longContextBeta);
  changes.push('long context');
}

/** Leaves out the thinking of the history. Returns how many blocks went. */
function dropThinking(result: BranchRequest): number {
  const { request } = result.stored;
  const { messages, dropped, positionOf } = withoutThinking(request.messages);
  result.cut = positionOf(result.cut.message, result.cut.block);
  request.messages = messages;
  return dropped;
}

/** With a thinking budget the API refuses to go on within a turn that did not begin with thinking. */
function thinkOnlyWhereAllowed(result: BranchRequest): void {
  const { request } = result.stored;
  if (thinkingOf(request)?.type !== 'enabled' || !endsWithResults(request) || beginsWithThinking(request)) return;
  switchThinkingOff(result);
  result.notes.push('Thinking left out: the turn that goes on here did not begin with thinking of this model.');
}

function applyPrompt(result: BranchRequest, context: ForkContext, prompt: string | undefined): void {
  const { messages } = result.stored.request;
  if (context.rebuilt.promptAt !== null) {
    if (prompt === undefined || prompt === context.recordedPrompt) return;
    const message = messages[result.cut.message];
    if (message === undefined) throw new Error('The prompt is not where the rebuilt request says.');
    const blocks = [...blocksOf(message)];
    const { block, note } = withOtherWords(blocks[result.cut.block], prompt);
    blocks[result.cut.block] = block;
    messages[result.cut.message] = { ...message, content: blocks };
    result.changes.push('prompt');
    if (note !== null) result.notes.push(note);
    return;
  }
  const last = messages.at(-1);
  if (prompt === undefined) {
    // After a prompt or tool results (and what Claude Code puts behind them) the model has the word; after a reply it is
    // the person's turn.
    if (last !== undefined && last.role !== 'assistant') return;
    throw new BadInputError(
      'This fork point stands after a reply, so there is nothing for the model to answer.',
      'Give the fork a prompt, or cut before a turn instead.',
      { path: 'prompt' },
    );
  }
  result.changes.push('prompt');
  const block: RequestBlock = { type: 'text', text: prompt };
  // Only a reply may follow a system message, so the prompt goes before it.
  const at = messages.findLastIndex(({ role }) => role !== 'system');
  const before = messages[at];
  if (before?.role === 'user') {
    result.cut = { message: at, block: blocksOf(before).length };
    messages[at] = { ...before, content: [...blocksOf(before), block] };
  } else {
    messages.push({ role: 'user', content: [block] });
  }
}

function applySystem(result: BranchRequest, branch: BranchSpec): void {
  if (branch.system === undefined) return;
  const { request } = result.stored;
  const recorded = typeof request.system === 'string' ? textBlocks(request.system) : (request.system ?? []);
  request.system =
    'append' in branch.system ? [...recorded, ...textBlocks(branch.system.append)] : textBlocks(branch.system.replace);
  if (request.system.length === 0) delete request.system;
  result.changes.push('system');
  if (!bindsThinking(request)) return;
  const dropped = dropThinking(result);
  if (dropped === 0) return;
  const them = dropped === 1 ? 'it' : 'them';
  noteDropped(result, dropped, `${request.model} takes ${them} only behind the system prompt of that time`);
}

function noteDropped(result: BranchRequest, blocks: number, why: string): void {
  result.notes.push(`${blocks} thinking ${blocks === 1 ? 'block' : 'blocks'} of the history left out: ${why}.`);
}

const textBlocks = (text: string): RequestBlock[] => (text === '' ? [] : [{ type: 'text', text }]);

function applyThinking(result: BranchRequest, branch: BranchSpec): void {
  if (branch.thinking === undefined) return;
  const { request } = result.stored;
  result.changes.push('thinking');
  if (branch.thinking === 'off') {
    switchThinkingOff(result);
    // Within a turn the API refuses thinking in a request that has none, of some models anywhere.
    if (modelFacts(request.model)?.thinkingOff === null || !(endsWithResults(request) || bindsThinking(request)))
      return;
    const dropped = dropThinking(result);
    if (dropped > 0) noteDropped(result, dropped, 'the branch does not think');
    return;
  }
  const budget = branch.thinking.budgetTokens;
  const maxTokens = branch.maxTokens ?? request.max_tokens;
  if (budget >= maxTokens) {
    throw new BadInputError(
      `Branch "${branch.name}" has a thinking budget of ${budget} tokens, which is not below its max_tokens of ${maxTokens}.`,
      'Lower the budget or raise maxTokens.',
      { path: 'thinking.budgetTokens' },
    );
  }
  request['thinking'] = { type: 'enabled', budget_tokens: budget };
  const facts = modelFacts(request.model);
  if (facts !== null && !facts.thinkingBudget) result.notes.push(refusal(request.model, 'a thinking budget'));
}

function applyMaxTokens(result: BranchRequest, branch: BranchSpec): void {
  const { request } = result.stored;
  if (branch.maxTokens === undefined || branch.maxTokens === request.max_tokens) return;
  request.max_tokens = branch.maxTokens;
  result.changes.push('max tokens');
  const facts = modelFacts(request.model);
  if (facts !== null && branch.maxTokens > facts.maxOutputTokens) {
    result.notes.push(refusal(request.model, `more than ${facts.maxOutputTokens} max_tokens`));
  }
  fitThinkingBudget(result);
}

function applyEffort(result: BranchRequest, branch: BranchSpec): void {
  if (branch.effort === undefined) return;
  const { request } = result.stored;
  const config = (request['output_config'] ?? {}) as Record<string, unknown>;
  if (config['effort'] === branch.effort) return;
  request['output_config'] = { ...config, effort: branch.effort };
  result.changes.push('effort');
  const facts = modelFacts(request.model);
  if (facts !== null && !facts.efforts.includes(branch.effort)) {
    const what = facts.efforts.length === 0 ? 'effort' : `effort “${branch.effort}”`;
    result.notes.push(refusal(request.model, what));
  }
}

const refusal = (model: string, what: string) =>
  `${model} is known to refuse ${what}: the API will probably answer 400.`;
