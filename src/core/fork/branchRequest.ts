import { BadInputError } from '../errors.ts';
import type { ForkContext } from './forkContext.ts';
import type { StoredRequest } from './forkPlan.ts';
import type { BranchSpec } from './forkRequest.ts';
import { blocksOf, type MessagesRequest, type RequestBlock, type RequestMessage } from './messagesRequest.ts';
import { modelFacts } from './modelFacts.ts';

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
  return result;
}

function cutOf(context: ForkContext): BranchRequest['cut'] {
  return context.rebuilt.promptAt ?? { message: context.rebuilt.request.messages.length, block: 0 };
}

function applyModel(result: BranchRequest, branch: BranchSpec): void {
  const { request } = result.stored;
  if (branch.model === undefined || branch.model === request.model) return;
  const recorded = request.model;
  request.model = branch.model;
  result.changes.push('model');
  const dropped = dropThinking(result);
  if (dropped > 0) {
    result.notes.push(
      `${dropped} thinking ${dropped === 1 ? 'block' : 'blocks'} of the history left out: signed by ${recorded}, ${branch.model} would refuse ${dropped === 1 ? 'it' : 'them'}.`,
    );
  }
  adaptToModel(result, branch);
}

/** Removes thinking blocks; a message that held nothing else goes too, and its neighbours are joined. Returns how many blocks went. */
function dropThinking(result: BranchRequest): number {
  const { request } = result.stored;
  const messages: RequestMessage[] = [];
  let dropped = 0;
  let removedBefore = false;
  let cut = { message: request.messages.length, block: 0 };
  request.messages.forEach((message, index) => {
    const blocks = blocksOf(message);
    const kept = blocks.filter((block) => !isThinking(block));
    dropped += blocks.length - kept.length;
    if (kept.length === 0 && blocks.length > 0) {
      removedBefore = true;
      return;
    }
    const previous = messages.at(-1);
    // Two messages of one role side by side only where the one between them went.
    const joins = removedBefore && previous?.role === message.role;
    const offset = joins && previous ? blocksOf(previous).length : 0;
    if (joins && previous) messages[messages.length - 1] = { ...previous, content: [...blocksOf(previous), ...kept] };
    else messages.push(kept.length === blocks.length ? message : { ...message, content: kept });
    removedBefore = false;
    if (index === result.cut.message) cut = { message: messages.length - 1, block: result.cut.block + offset };
  });
  if (result.cut.message >= request.messages.length) cut = { message: messages.length, block: 0 };
  request.messages = messages;
  result.cut = cut;
  return dropped;
}

const isThinking = (block: RequestBlock) => block.type === 'thinking' || block.type === 'redacted_thinking';

/** Takes out what the new model is known to refuse, and says so. */
function adaptToModel(result: BranchRequest, branch: BranchSpec): void {
  const { request } = result.stored;
  const facts = modelFacts(request.model);
  if (facts === null) return;
  if (request.max_tokens > facts.maxOutputTokens && branch.maxTokens === undefined) {
    result.notes.push(
      `max_tokens lowered from ${request.max_tokens} to ${facts.maxOutputTokens}, the most that ${request.model} takes.`,
    );
    request.max_tokens = facts.maxOutputTokens;
  }
  const config = request['output_config'] as Record<string, unknown> | undefined;
  if (typeof config?.['effort'] === 'string' && !facts.effort && branch.effort === undefined) {
    const { effort, ...rest } = config;
    if (Object.keys(rest).length === 0) delete request['output_config'];
    else request['output_config'] = rest;
    result.notes.push(`Effort ${JSON.stringify(effort)} left out: ${request.model} does not take it.`);
  }
  const thinking = request['thinking'] as { type?: string } | undefined;
  if (thinking?.type === 'adaptive' && !facts.adaptiveThinking && branch.thinking === undefined) {
    switchThinkingOff(result);
    result.notes.push(
      `Adaptive thinking left out: ${request.model} does not take it. Give the branch a thinking budget to have it think.`,
    );
  } else if (thinking?.type === 'enabled' && !facts.thinking && branch.thinking === undefined) {
    switchThinkingOff(result);
    result.notes.push(`Thinking left out: ${request.model} does not take it.`);
  }
}

/** Without thinking the API also refuses context edits that clear thinking. */
function switchThinkingOff(result: BranchRequest): void {
  const { request } = result.stored;
  delete request['thinking'];
  const management = request['context_management'] as { edits?: { type?: string }[] } | undefined;
  if (management?.edits === undefined) return;
  const edits = management.edits.filter((edit) => !edit.type?.startsWith('clear_thinking'));
  if (edits.length === 0) delete request['context_management'];
  else request['context_management'] = { ...management, edits };
}

function applyPrompt(result: BranchRequest, context: ForkContext, prompt: string | undefined): void {
  const { messages } = result.stored.request;
  if (context.rebuilt.promptAt !== null) {
    if (prompt === undefined || prompt === context.recordedPrompt) return;
    const message = messages[result.cut.message];
    if (message === undefined) throw new Error('The prompt is not where the rebuilt request says.');
    const blocks = [...blocksOf(message)];
    blocks[result.cut.block] = { ...blocks[result.cut.block], type: 'text', text: prompt };
    messages[result.cut.message] = { ...message, content: blocks };
    result.changes.push('prompt');
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
}

const textBlocks = (text: string): RequestBlock[] => (text === '' ? [] : [{ type: 'text', text }]);

function applyThinking(result: BranchRequest, branch: BranchSpec): void {
  if (branch.thinking === undefined) return;
  const { request } = result.stored;
  result.changes.push('thinking');
  if (branch.thinking === 'off') return switchThinkingOff(result);
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
  if (facts !== null && !facts.thinking) result.notes.push(refusal(request.model, 'thinking'));
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
  // A recorded thinking budget must stay below max_tokens.
  const thinking = request['thinking'] as { type?: string; budget_tokens?: number } | undefined;
  if (thinking?.type === 'enabled' && (thinking.budget_tokens ?? 0) >= branch.maxTokens) {
    if (branch.maxTokens <= 1024) {
      switchThinkingOff(result);
      result.notes.push(
        `Thinking left out: its smallest budget of 1024 tokens does not fit below ${branch.maxTokens} max_tokens.`,
      );
    } else {
      request['thinking'] = { ...thinking, budget_tokens: branch.maxTokens - 1 };
      result.notes.push(`Thinking budget lowered to ${branch.maxTokens - 1}: it must stay below max_tokens.`);
    }
  }
}

function applyEffort(result: BranchRequest, branch: BranchSpec): void {
  if (branch.effort === undefined) return;
  const { request } = result.stored;
  const config = (request['output_config'] ?? {}) as Record<string, unknown>;
  if (config['effort'] === branch.effort) return;
  request['output_config'] = { ...config, effort: branch.effort };
  result.changes.push('effort');
  const facts = modelFacts(request.model);
  if (facts !== null && !facts.effort) result.notes.push(refusal(request.model, 'effort'));
}

const refusal = (model: string, what: string) =>
  `${model} is known to refuse ${what}: the API will probably answer 400.`;
