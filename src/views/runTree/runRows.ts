import {
  duration,
  modelName,
  money,
  oneLine,
  plural,
  relativeTime,
  tokenCount,
  unknownText,
} from '../../core/format.ts';
import { limitText } from '../../core/run/limitText.ts';
import type { BranchState, BranchView, RunView } from '../../core/run/runView.ts';
import { facts } from '../sessionTree/sessionRows.ts';
import type { RowColor, TreeRow } from '../treeRow.ts';
import { activityText, checksFact, linesFact } from './agentWords.ts';
import { hasChildren } from './branchChildren.ts';
import { rowBelowBranch } from './branchRows.ts';
import {
  asksAPerson,
  type BranchNode,
  branchName,
  isUnderWay,
  type RepeatsNode,
  type RunTreeNode,
} from './runNodes.ts';

const icons: Record<BranchState, { icon: string; color?: RowColor }> = {
  pending: { icon: 'circle-outline' },
  running: { icon: 'loading~spin' },
  waiting: { icon: 'watch' },
  completed: { icon: 'pass', color: 'testing.iconPassed' },
  failed: { icon: 'error', color: 'testing.iconFailed' },
  cancelled: { icon: 'circle-slash' },
};

/** An agent waits for a person. */
const asking: { icon: string; color: RowColor } = { icon: 'question', color: 'charts.yellow' };

/** Why a branch stopped short of an ordinary end, in words. */
const endings: Readonly<Record<string, string>> = {
  tool_not_recorded: 'call not recorded',
  tool_stop: 'stopped at first call',
  max_steps: 'step limit',
  max_tokens: 'max tokens',
  pause_turn: 'paused',
  reply_not_sendable: 'reply can’t be sent back',
  refusal: 'refused',
  max_turns: 'turn limit',
  budget: 'budget spent',
  timeout: 'out of time',
};

/** The row of any node of the Runs tree. @param now milliseconds since the epoch */
export function runRow(node: RunTreeNode, now: number): TreeRow {
  switch (node.kind) {
    case 'run':
      return rowOfRun(node.id, node.run, now);
    case 'repeats':
      return rowOfRepeats(node);
    case 'branch':
      return rowOfBranch(node, now);
    default:
      return rowBelowBranch(node);
  }
}

/** `3 of 5 · $0.04` while it runs, `5 branches · $0.04 · 2 h` afterwards; before it `scheduled by nightly`. */
export function runFacts(run: RunView, now: number): string {
  const spent = run.provider === 'demo' ? 'demo' : costOfRun(run);
  const ended = run.branches.filter(({ state }) => !isUnderWay(state)).length;
  const schedule = run.schedule !== null && `scheduled by ${run.schedule.name}`;
  if (isUnderWay(run.state)) {
    return facts(schedule, `${ended} of ${run.branches.length}`, waitsForYou(run.branches), spent);
  }
  const failed = run.branches.filter(({ state }) => state === 'failed').length;
  return facts(
    schedule,
    run.interrupted ? 'interrupted' : run.state === 'cancelled' && 'cancelled',
    plural(run.branches.length, 'branch', 'branches'),
    !run.interrupted && failed > 0 && `${failed} failed`,
    spent,
    relativeTime(run.createdAt, now),
  );
}

/** `1 waits for you`; false where no agent asks. */
export function waitsForYou(branches: readonly BranchView[]): string | false {
  const count = branches.filter(asksAPerson).length;
  return count > 0 && `${count} ${count === 1 ? 'waits' : 'wait'} for you`;
}

/** What a run has cost: `$0.04`, `at least $0.04` where a request may have been billed beside it, or `unknown cost`. */
export function costOfRun({ costUsd, branches }: RunView): string {
  if (costUsd === null) return `${unknownText} cost`;
  if (branches.every(({ billing }) => billing === 'known')) return money(costUsd);
  return costUsd > 0 ? `at least ${money(costUsd)}` : `${unknownText} cost`;
}

/** How a branch ended or where it stands, in words, without its numbers. */
export function branchState(branch: BranchView): string {
  if (branch.state === 'pending') return 'waiting';
  if (branch.waitingFor === 'answer') return 'waits for you';
  if (branch.waitingFor === 'limit') return limitText(branch);
  if (branch.retryingInMs !== null) return `asks again in ${duration(branch.retryingInMs)}`;
  if (branch.error?.code === 'interrupted') return 'interrupted';
  if (branch.state === 'failed') return `failed: ${oneLine(branch.error?.message ?? 'reason unknown', 60)}`;
  if (branch.state !== 'completed') return (branch.stopReason === 'budget' && endings['budget']) || branch.state;
  if (branch.divergedAtTurn !== null) return `diverged at turn ${branch.divergedAtTurn}`;
  if (branch.stopReason === null || branch.stopReason === 'end_turn') return '';
  return endings[branch.stopReason] ?? oneLine(branch.stopReason, 40);
}

function rowOfRun(id: string, run: RunView, now: number): TreeRow {
  const label = oneLine(run.title) || 'Prompt without text';
  const description = runFacts(run, now);
  const underWay = isUnderWay(run.state);
  const agent = run.executor === 'claude-code';
  const again = !underWay && run.branches.some(({ state }) => state === 'failed' || state === 'cancelled');
  const look: { icon: string; color?: RowColor } = run.interrupted
    ? { icon: 'debug-pause' }
    : run.state === 'completed'
      ? { icon: run.kind === 'replay' ? 'history' : 'repo-forked' }
      : run.branches.some(asksAPerson)
        ? asking
        : icons[run.state];
  return {
    id,
    label,
    description,
    ...look,
    context: [
      'run',
      underWay ? 'underway' : 'ended',
      run.interrupted && 'interrupted',
      again && !run.interrupted && 'again',
      run.engine,
      agent && 'agents',
    ]
      .filter(Boolean)
      .join(' '),
    children: underWay ? 'expanded' : 'collapsed',
    accessibilityLabel: `${run.kind === 'replay' ? 'Replay' : 'Run'} ${label}, ${run.interrupted ? 'interrupted' : run.state}, ${description.replaceAll(' · ', ', ')}`,
  };
}

function rowOfRepeats(node: RepeatsNode): TreeRow {
  const branches = node.branches.map(({ branch }) => branch);
  const ended = branches.filter(({ state }) => !isUnderWay(state));
  const failed = branches.filter(({ state }) => state === 'failed').length;
  const state: BranchState =
    ended.length < branches.length
      ? ((['running', 'waiting'] as const).find((live) => branches.some((branch) => branch.state === live)) ??
        'pending')
      : failed > 0
        ? 'failed'
        : 'completed';
  const tokens = branches.reduce((sum, branch) => sum + branch.usage.outputTokens, 0);
  const agent = node.branches.some((branch) => branch.agent !== null);
  const times = branches.map(spanOf).filter((span) => span !== null);
  const label = oneLine(node.name);
  const description = facts(
    otherThan(label, modelName(branches[0]?.model ?? null)),
    `${ended.length} of ${branches.length}`,
    waitsForYou(branches),
    failed > 0 && `${failed} failed`,
    checksFact(branches),
    !agent && tokens > 0 && tokenFact(tokens),
    cost(branches),
    ended.length === branches.length && times.length > 0 && duration(Math.max(...times)),
  );
  return {
    id: node.id,
    label,
    description,
    ...(branches.some(asksAPerson) ? asking : icons[state]),
    context: 'repeats',
    children: 'collapsed',
    accessibilityLabel: `Branch ${label} with ${branches.length} repeats, ${state}, ${description.replaceAll(' · ', ', ')}`,
  };
}

function rowOfBranch(node: BranchNode, now: number): TreeRow {
  const { id, branch, agent } = node;
  const label = oneLine(branchName(branch));
  const interrupted = branch.error?.code === 'interrupted';
  const underWay = isUnderWay(branch.state);
  const description =
    agent === null
      ? underWay
        ? liveFacts(branch)
        : endedFacts(branch, label)
      : underWay
        ? activityText(branch, agent.folder, now)
        : endedAgentFacts(branch, label);
  const look = interrupted ? { icon: 'debug-pause' } : asksAPerson(branch) ? asking : icons[branch.state];
  return {
    // VS Code unfolds a row by its id and only when it first sees it: one that begins to ask is a new one.
    id: asksAPerson(branch) ? `${id}?asks` : id,
    label,
    description,
    ...look,
    context: contextOf(node),
    children: !hasChildren(node) ? 'none' : asksAPerson(branch) ? 'expanded' : 'collapsed',
    accessibilityLabel: `Branch ${label}, ${interrupted ? 'interrupted' : branch.state}, ${description.replaceAll(' · ', ', ')}`,
  };
}

/** Words for menus; those of a branch that Claude Code answers say what there is to look at. */
function contextOf({ branch, agent }: BranchNode): string {
  const state = `branch ${isUnderWay(branch.state) ? 'underway' : 'ended'}`;
  if (agent === null) return state;
  const words = [
    'agent',
    branch.questions.length > 0 && 'asks',
    branch.files.length > 0 && 'changed',
    branch.sessionId !== null && 'session',
    branch.place !== null && `placed ${branch.place.kind}`,
  ];
  return [state, ...words].filter(Boolean).join(' ');
}

function endedAgentFacts(branch: BranchView, label: string): string {
  const setup = branch.setup.find(({ passed }) => !passed);
  return facts(
    otherThan(label, modelName(branch.model)),
    branchState(branch),
    setup !== undefined && branch.error === null && 'set-up failed',
    branch.changeSet !== null && linesFact(branch.files),
    checksFact([branch]),
    branch.attempts > 0 && cost([branch]),
  );
}

function liveFacts(branch: BranchView): string {
  // The API tells tokens at the end of a reply; until the first end the length of the text is what is known.
  const written =
    branch.usage.outputTokens > 0
      ? tokenFact(branch.usage.outputTokens)
      : branch.text.length > 0 && plural(branch.text.length, 'character');
  return facts(branchState(branch), written);
}

function endedFacts(branch: BranchView, label: string): string {
  const span = spanOf(branch);
  return facts(
    otherThan(label, modelName(branch.model)),
    branchState(branch),
    branch.usage.outputTokens > 0 && tokenFact(branch.usage.outputTokens),
    branch.cached && 'cached',
    branch.attempts > 0 && cost([branch]),
    branch.billing === 'unknown' && 'billing unknown',
    span !== null && duration(span),
  );
}

/** Output tokens: `1.2k`, `0.4k`; few are written out, because a bare small number says nothing. */
function tokenFact(tokens: number): string {
  if (tokens < 100) return plural(tokens, 'token');
  return tokens < 1000 ? `${(tokens / 1000).toFixed(1)}k` : tokenCount(tokens);
}

function cost(branches: readonly BranchView[]): string | false {
  if (branches.some(({ costUsd }) => costUsd === null)) return `${unknownText} cost`;
  const sum = branches.reduce((total, { costUsd }) => total + (costUsd ?? 0), 0);
  return sum > 0 && money(sum);
}

/** A branch is often called like its model: that need not be said twice. */
function otherThan(label: string, text: string): string | false {
  return label.startsWith(text) ? false : text;
}

function spanOf({ startedAt, endedAt }: BranchView): number | null {
  return startedAt === null || endedAt === null ? null : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
}
