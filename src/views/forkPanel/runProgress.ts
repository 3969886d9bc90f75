import { describeQuestion } from '../../core/agent/describeQuestion.ts';
import type { Provider } from '../../core/fork/forkPlan.ts';
import { duration, modelName, money, oneLine, plural, sentence, tokenCount, unknownText } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import type { BranchView, RunView } from '../../core/run/runView.ts';
import { savedText } from '../../core/run/savedText.ts';
import { agentActivity, changesText, checksText, filesWritten } from '../agentProgress.ts';
import type { BranchProgress, RunProgress } from './protocol.ts';
import { questionView } from './questionView.ts';

/** As many as a row has room for. */
const tailLines = 3;
const tailLength = 400;

/** A run as the panel shows it: small, however much the branches have written. @param now milliseconds since the epoch */
export function runProgress(run: RunView, now: number): RunProgress {
  return {
    runId: run.runId,
    state: run.state,
    interrupted: run.interrupted,
    summary: runSummary(run),
    branches: run.branches.map((branch) => branchProgress(branch, run, now)),
  };
}

function runSummary(run: RunView): string {
  const count = (state: BranchView['state']) => run.branches.filter((branch) => branch.state === state).length;
  const others = (['failed', 'cancelled'] as const).map((state) =>
    count(state) > 0 ? `${count(state)} ${state}` : '',
  );
  const asking = run.branches.filter(asks).length;
  const waits = asking === 0 ? '' : `${asking} ${asking === 1 ? 'waits' : 'wait'} for you`;
  const cost = run.costUsd === null ? `${unknownText} cost` : money(run.costUsd);
  const billed = run.provider === 'demo' ? 'demo model, not billed' : cost;
  const saved = savedText(run.branches) ?? '';
  return [`${count('completed')} of ${run.branches.length} done`, ...others, waits, billed, saved]
    .filter(Boolean)
    .join(' · ');
}

function asks({ state, waitingFor }: BranchView): boolean {
  return state === 'waiting' && waitingFor === 'answer';
}

function branchProgress(branch: BranchView, run: RunView, now: number): BranchProgress {
  const agent = run.executor === 'claude-code';
  return {
    branchId: branch.branchId,
    name: branch.repeats > 1 ? `${branch.name} #${branch.repeat}` : branch.name,
    model: modelName(branch.model),
    state: branch.state,
    asks: asks(branch),
    facts: agent ? agentFacts(branch, run, now) : facts(branch, run.provider, now),
    tooltip: agent ? agentTooltip(branch, now) : tooltip(branch),
    tail: tailOf(plainText(branch.text.slice(-tailLength * 2))),
    questions: branch.questions.map(questionView),
    notes: agent ? agentNotes(branch) : [],
    problem: branch.error && {
      code: branch.error.code,
      message: sentence(plainText(branch.error.message)),
      hint: plainText(branch.error.hint),
    },
  };
}

/** `edits src/slugify.ts · 3 files · 41 s` while it works, `+12 −3 in 2 files · tests pass · $0.04` afterwards. */
function agentFacts(branch: BranchView, { provider }: RunView, now: number): string {
  if (branch.state === 'running' || branch.state === 'waiting') {
    const written = filesWritten(branch);
    const files = written === 0 ? '' : plural(written, 'file');
    const worked = branch.state === 'waiting' ? '' : time(branch, now);
    return [agentActivity(branch, now), files, worked].filter(Boolean).join(' · ');
  }
  if (branch.state === 'pending') return agentActivity(branch, now);
  const changes = branch.changeSet === null ? '' : changesText(branch.files);
  const spent = provider === 'demo' ? '' : cost(branch);
  return [ending(branch), changes, checksText(branch.checks), spent].filter(Boolean).join(' · ');
}

function agentTooltip(branch: BranchView, now: number): string {
  const { place, prefix, checks, setup, commits, sessionId } = branch;
  const results = (label: string, all: BranchView['checks']) =>
    all.map(
      ({ name, passed, ms, cached }) =>
        `${label} ${name}: ${passed ? 'passed' : 'failed'}, ${duration(ms)}${cached === true ? ' (cached)' : ''}`,
    );
  const more = [
    time(branch, now) && `time: ${time(branch, now)}`,
    place && `${place.kind}: ${place.path}`,
    prefix &&
      `prefix ${prefix.equal} of ${prefix.total} as recorded${prefix.stopsAt === null ? '' : `: ${prefix.stopsAt}`}`,
    ...results('set-up', setup),
    ...results('check', checks),
    ...commits.map(({ subject }) => `commit: ${subject}`),
    sessionId && `session ${sessionId}`,
  ].filter((line) => typeof line === 'string' && line !== '');
  return [tooltip(branch), ...more.map((line) => oneLine(String(line), 200))].join('\n');
}

const maxNotes = 6;

/** What a person must know of a branch beside its facts. */
function agentNotes({ notes, inDoubt, denied }: BranchView): string[] {
  const lines = [
    ...inDoubt.map((call) => `May have been carried out when the agent was lost: ${describeQuestion(call)}`),
    ...denied.map(({ tool, message }) => `Denied: ${tool}. ${message}`),
    ...notes,
  ].map((line) => oneLine(line, 240));
  if (lines.length <= maxNotes) return lines;
  return [...lines.slice(0, maxNotes), `${lines.length - maxNotes} more; the branch’s document has them all.`];
}

/** The end of the text: its last lines, no empty ones, from the beginning of a word on. */
function tailOf(whole: string): string {
  const lines = whole.split('\n').filter((line) => line.trim() !== '');
  const text = lines.slice(-tailLines).join('\n');
  if (text.length <= tailLength) return text;
  return `… ${text.slice(-tailLength).replace(/^\S*\s+/, '')}`;
}

function facts(branch: BranchView, provider: Provider, now: number): string {
  if (branch.state === 'pending') return 'waiting';
  if (branch.waitingFor !== null) return agentActivity(branch, now);
  if (branch.retryingInMs !== null) return `asks again in ${duration(branch.retryingInMs)}`;
  const billed = branch.state === 'running' || provider === 'demo' ? '' : cost(branch);
  const cached = branch.cached ? 'cached' : '';
  const unknown = branch.billing === 'unknown' && provider !== 'demo' ? 'billing unknown' : '';
  return [ending(branch), written(branch), cached, billed, time(branch, now), unknown].filter(Boolean).join(' · ');
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
  if (state === 'cancelled' && stopReason === 'budget') return 'cancelled: budget spent';
  if (state !== 'completed') return state;
  if (stopReason === null || stopReason === 'end_turn') return '';
  const words: Record<string, string> = {
    tool_not_recorded: 'stopped: call not recorded',
    tool_stop: 'stopped at the first call',
    max_steps: 'stopped: step limit',
    max_tokens: 'stopped: max tokens',
    refusal: 'refused',
    pause_turn: 'paused',
    reply_not_sendable: 'stopped: the reply can’t be sent back',
    diverged: 'left the recording',
    max_turns: 'stopped: turn limit',
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
