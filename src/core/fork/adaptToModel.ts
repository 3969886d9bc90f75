import { blocksOf, type RequestMessage } from '../api/messagesRequest.ts';
import { type Effort, type ModelFacts, modelFacts } from '../api/modelFacts.ts';
import { thinkingOf } from '../api/thinkingBlocks.ts';
import type { BranchRequest } from './branchRequest.ts';
import type { BranchSpec } from './forkRequest.ts';

/** Takes out what the new model is known to refuse, and says so. */
export function adaptToModel(result: BranchRequest, branch: BranchSpec): void {
  const { request } = result.stored;
  const facts = modelFacts(request.model);
  if (facts === null) return;
  if (request.max_tokens > facts.maxOutputTokens && branch.maxTokens === undefined) {
    result.notes.push(
      `max_tokens lowered from ${request.max_tokens} to ${facts.maxOutputTokens}, the most that ${request.model} takes.`,
    );
    request.max_tokens = facts.maxOutputTokens;
    if (branch.thinking === undefined) fitThinkingBudget(result);
  }
  if (!facts.messageEffort) dropMessageEfforts(result);
  if (!facts.systemMessages) turnSystemMessages(result);
  if (branch.effort === undefined) adaptEffort(result, facts);
  if (branch.thinking === undefined) adaptThinking(result, facts);
  if (!facts.compaction) dropEdits(result, 'compact_', 'Compaction by the API');
  if (!facts.compaction) dropBetas(result, ['compact-']);
  if (!facts.longContext) dropBetas(result, ['context-1m-']);
}

/** Takes features out of the `anthropic-beta` header that the model would refuse. @param families how their names begin */
export function dropBetas({ stored, notes }: BranchRequest, families: readonly string[]): void {
  const dropped = stored.betas.filter((beta) => families.some((family) => beta.startsWith(family)));
  if (dropped.length === 0) return;
  stored.betas = stored.betas.filter((beta) => !dropped.includes(beta));
  notes.push(`Beta ${dropped.join(', ')} left out: ${stored.request.model} does not take it.`);
}

/** @param what the edits do, for the note; without it nothing is said. @param family how their types begin */
function dropEdits({ stored: { request }, notes }: BranchRequest, family: string, what?: string): void {
  const management = request['context_management'] as { edits?: { type?: string }[] } | undefined;
  const edits = management?.edits?.filter((edit) => !edit.type?.startsWith(family)) ?? [];
  if (management?.edits === undefined || edits.length === management.edits.length) return;
  if (edits.length === 0) delete request['context_management'];
  else request['context_management'] = { ...management, edits };
  if (what !== undefined) notes.push(`${what} left out: ${request.model} does not take it.`);
}

/** The effort of the request counts for all of it. */
function dropMessageEfforts({ stored: { request } }: BranchRequest): void {
  request.messages = request.messages.map(({ output_config: _effort, ...message }) => message);
}

/** Puts system messages into the messages that they follow, as Claude Code does for models that take none. */
function turnSystemMessages(result: BranchRequest): void {
  const { request } = result.stored;
  const messages: RequestMessage[] = [];
  let cut = result.cut.message;
  for (const [index, message] of request.messages.entries()) {
    const before = messages.at(-1);
    if (message.role !== 'system') {
      messages.push(message);
      continue;
    }
    const reminders = blocksOf(message).map(({ text, ...block }) => ({
      ...block,
      text: `<system-reminder>\n${String(text)}\n</system-reminder>`,
    }));
    if (before?.role === 'user')
      messages[messages.length - 1] = { ...before, content: [...blocksOf(before), ...reminders] };
    else messages.push({ role: 'user', content: reminders });
    if (before?.role === 'user' && index < result.cut.message) cut -= 1;
  }
  const turned = request.messages.filter(({ role }) => role === 'system').length;
  if (turned === 0) return;
  request.messages = messages;
  result.cut = { ...result.cut, message: cut };
  const they = turned === 1 ? 'A system message' : `${turned} system messages`;
  result.notes.push(
    `${they} of the history became ${turned === 1 ? 'a reminder' : 'reminders'}: ${request.model} takes none there.`,
  );
}

/** Leaves out the recorded effort where the new model knows none, and lowers it to what the model takes. */
function adaptEffort(result: BranchRequest, { efforts }: ModelFacts): void {
  const { request } = result.stored;
  const { effort, ...rest } = (request['output_config'] ?? {}) as { effort?: Effort };
  if (effort === undefined || efforts.includes(effort)) return;
  const most = efforts.at(-1);
  if (most !== undefined) {
    request['output_config'] = { ...rest, effort: most };
    result.notes.push(`Effort "${effort}" lowered to "${most}", the most that ${request.model} takes.`);
    return;
  }
  if (Object.keys(rest).length === 0) delete request['output_config'];
  else request['output_config'] = rest;
  result.notes.push(`Effort ${JSON.stringify(effort)} left out: ${request.model} does not take it.`);
}

/** Brings what the recorded request says of thinking into a form that the new model takes. */
function adaptThinking(result: BranchRequest, facts: ModelFacts): void {
  const { request } = result.stored;
  const { block_binding, ...unbound } = thinkingOf(request) ?? {};
  if (block_binding !== undefined && !facts.bindsThinking) request['thinking'] = unbound;
  const { budget_tokens: _budget, ...rest } = unbound;
  if (rest.type === 'adaptive' && !facts.adaptiveThinking) {
    switchThinkingOff(result);
    result.notes.push(
      `Adaptive thinking left out: ${request.model} does not take it. Give the branch a thinking budget to have it think.`,
    );
  } else if (rest.type === 'enabled' && !facts.thinkingBudget && facts.adaptiveThinking) {
    request['thinking'] = { ...rest, type: 'adaptive' };
    result.notes.push(`Thinking budget left out: ${request.model} decides by itself how much to think.`);
  } else if (rest.type === 'enabled' && !facts.thinkingBudget) {
    switchThinkingOff(result);
    result.notes.push(`Thinking left out: ${request.model} does not take it.`);
  } else if (rest.type === 'disabled' || rest.type === 'between_tools') {
    // A model that does not think by itself takes this form of saying so, too.
    const takes = rest.type === facts.thinkingOff || (rest.type === 'disabled' && facts.thinkingOff === 'omitted');
    if (!takes) switchThinkingOff(result);
  }
}

/** Without thinking the API also refuses context edits that clear thinking. */
export function switchThinkingOff(result: BranchRequest): void {
  const { request } = result.stored;
  const off = modelFacts(request.model)?.thinkingOff;
  // What it does in any case may stay as it was recorded, for the prompt cache's sake.
  if (off !== null || thinkingOf(request)?.type !== 'adaptive') delete request['thinking'];
  if (off === null || off === 'between_tools') {
    if (off !== null) request['thinking'] = { type: off };
    const when = off === null ? 'all the same' : 'between its tool calls';
    result.notes.push(`${request.model} thinks ${when}: that can’t be switched off.`);
    return;
  }
  if (off === 'disabled') request['thinking'] = { type: off };
  dropEdits(result, 'clear_thinking');
}

/** A recorded thinking budget must stay below max_tokens. */
export function fitThinkingBudget(result: BranchRequest): void {
  const { request } = result.stored;
  const thinking = thinkingOf(request);
  const most = request.max_tokens;
  if (thinking?.type !== 'enabled' || (thinking.budget_tokens ?? 0) < most) return;
  if (most <= 1024) {
    switchThinkingOff(result);
    result.notes.push(`Thinking left out: its smallest budget of 1024 tokens does not fit below ${most} max_tokens.`);
  } else {
    request['thinking'] = { ...thinking, budget_tokens: most - 1 };
    result.notes.push(`Thinking budget lowered to ${most - 1}: it must stay below max_tokens.`);
  }
}
