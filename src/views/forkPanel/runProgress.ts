import type { Provider } from '../../core/fork/forkPlan.ts';
import { duration, modelName, money, plural, sentence, tokenCount, unknownText } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import type { BranchProgress, RunProgress } from './protocol.ts';

const tailLength = 400;

/** A run as the panel shows it: small, however much the branches have written. @param now milliseconds since the epoch */
export function runProgress(run: RunView, now: number): RunProgress {
  return {
    runId: run.runId,
    state: run.state,
    interrupted: run.interrupted,
    summary: runSummary(run),
    branches: run.branches.map((branch) => branchProgress(branch, run.provider, now)),
  };
}

function runSummary(run: RunView): string {
  const count = (state: BranchView['state']) => run.branches.filter((branch) => branch.state === state).length;
  const others = (['failed', 'cancelled'] as const).map((state) =>
    count(state) > 0 ? `${count(state)} ${state}` : '',
  );
  const cost = run.costUsd === null ? `${unknownText} cost` : money(run.costUsd);
  const billed = run.provider === 'demo' ? 'demo model, not billed' : cost;
  return [`${count('completed')} of ${run.branches.length} done`, ...others, billed].filter(Boolean).join(' · ');
}

function branchProgress(branch: BranchView, provider: Provider, now: number): BranchProgress {
  return {
    branchId: branch.branchId,
    name: branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name,
    model: modelName(branch.model),
    state: branch.state,
    facts: facts(branch, provider, now),
    tooltip: tooltip(branch),
    tail: tailOf(plainText(branch.text.slice(-tailLength * 2))),
    problem: branch.error && {
      code: branch.error.code,
      message: sentence(plainText(branch.error.message)),
      hint: plainText(branch.error.hint),
    },
  };
}

/** The end of the text, from the beginning of a word on. */
function tailOf(text: string): string {
  if (text.length <= tailLength) return text;
  return `… ${text.slice(-tailLength).replace(/^\S*\s+/, '')}`;
}

function facts(branch: BranchView, provider: Provider, now: number): string {
  if (branch.state === 'pending') return 'waiting';
  if (branch.retryingInMs !== null) return `asks again in ${duration(branch.retryingInMs)}`;
  const billed = branch.state === 'running' || provider === 'demo' ? '' : cost(branch);
  const unknown = branch.billing === 'unknown' && provider !== 'demo' ? 'billing unknown' : '';
  return [ending(branch), written(branch), billed, time(branch, now), unknown].filter(Boolean).join(' · ');
}

/** The API tells tokens at the end of a reply; until the first end the length of the text is what is known. */
function written({ usage, text }: BranchView): string {
  if (usage.outputTokens > 0) return `${tokenCount(usage.outputTokens)} tokens`;
  return text.length > 0 ? plural(text.length, 'character') : '';
}

function cost({ costUsd, attempts }: BranchView): string {
  if (costUsd === null) return attempts > 0 ? `${unknownText} cost` : '';
  return costUsd > 0 ? money(costUsd) : '';
}

function ending({ state, stopReason }: BranchView): string {
  if (state === 'running') return 'running';
  if (state !== 'completed') return state;
  if (stopReason === null || stopReason === 'end_turn') return '';
  const words: Record<string, string> = {
    tool_not_recorded: 'stopped: call not recorded',
    tool_stop: 'stopped at the first call',
    max_steps: 'stopped: step limit',
    max_tokens: 'stopped: max tokens',
    diverged: 'left the recording',
  };
  return words[stopReason] ?? plainText(stopReason);
}

function time({ startedAt, endedAt }: BranchView, now: number): string {
  if (startedAt === null) return '';
  const end = endedAt === null ? now : Date.parse(endedAt);
  return duration(Math.max(0, end - Date.parse(startedAt)));
}

function tooltip(branch: BranchView): string {
  const { usage } = branch;
  return [
    branch.model,
    plural(branch.steps, 'reply', 'replies'),
    `${plural(branch.attempts, 'request')} sent`,
    `tokens: ${tokenCount(usage.inputTokens)} in, ${tokenCount(usage.cacheReadTokens)} from the cache, ${tokenCount(usage.cacheWriteTokens)} into the cache, ${tokenCount(usage.outputTokens)} out`,
    `cost: ${money(branch.costUsd)}`,
  ]
    .map(plainText)
    .join('\n');
}
