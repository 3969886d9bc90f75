import { addUsage, noUsage } from '../api/usage.ts';
import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import type { BranchId } from '../ids.ts';
import { promptTitle } from '../session/promptRules.ts';
import { AgentCosts } from './agentCosts.ts';
import { AgentFold } from './agentFold.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { BranchToolCall, StepResult } from './branchOutcome.ts';
import type { BranchState, BranchView, RunSchedule, RunState, RunView } from './runView.ts';
import { sumOf } from './sumOf.ts';

/**
 * The state of a run: its plan and the events of its log, in order. Events that stand twice in the log (two processes
 * may both find out that a run was interrupted; a worker that died may write a step again) count once.
 */
export function foldRun(plan: ForkPlan, events: readonly BranchEvent[]): RunView {
  const branches = new Map(plan.branches.map((branch) => [branch.branchId, new BranchFold(branch)]));
  let ended: { state: RunState; at: string } | null = null;
  let started = false;
  let compared: Pick<RunSchedule, 'changes' | 'comparison'> = { changes: null, comparison: null };
  const failedTeardowns: RunView['failedTeardowns'] = [];
  const checks: RunView['checks'] = { forkPoint: [], recorded: [], problems: [] };
  for (const event of events) {
    if (event.type === 'run-started') {
      started = true;
      ended = null;
      // What is run again may end in another way.
      compared = { changes: null, comparison: null };
    } else if (event.type === 'previous-compared') {
      compared = { changes: event.changes, comparison: event.comparison };
    } else if (event.type === 'run-ended') {
      ended = { state: event.state, at: event.at };
    } else if (event.type === 'baseline-checked') {
      const of = event.state === 'recorded' ? 'recorded' : 'forkPoint';
      checks[of] = [...checks[of].filter(({ name }) => name !== event.result.name), event.result];
      checks.problems = checks.problems.filter(({ state }) => state !== event.state);
    } else if (event.type === 'baseline-failed') {
      const { state, reason } = event;
      checks.problems = [...checks.problems.filter((problem) => problem.state !== state), { state, reason }];
    } else if (event.type === 'teardown-failed') {
      failedTeardowns.push(event.failed);
    } else if (event.type !== 'limits-changed') {
      branches.get(event.branchId)?.apply(event);
    }
  }
  const views = [...branches.values()].map((branch) => branch.view());
  const costs = views.map((view) => view.costUsd);
  return {
    runId: plan.runId,
    kind: plan.kind,
    engine: plan.engine,
    executor: plan.executor,
    provider: plan.provider,
    state: ended?.state ?? (started ? 'running' : 'pending'),
    interrupted: ended !== null && views.some((view) => view.error?.code === 'interrupted' || view.state === 'pending'),
    createdAt: plan.createdAt,
    schedule: plan.schedule === undefined ? null : { ...plan.schedule, ...compared },
    endedAt: ended?.at ?? null,
    title: promptTitle(plan.title),
    session: plan.session,
    point: plan.point,
    fidelity: plan.fidelity,
    missing: plan.missing,
    budgetUsd: plan.budgetUsd,
    costUsd: sumOf(costs),
    branches: views,
    checks,
    failedTeardowns,
  };
}

/** Completed steps by branch, as `runPlan` takes them to go on where an earlier attempt stopped. */
export function completedSteps(view: RunView): Record<string, StepResult[]> {
  return Object.fromEntries(view.branches.map((branch) => [branch.branchId, branch.results]));
}

/** Prompts that agents are through with, by branch. */
export function completedTurns(events: readonly BranchEvent[]): Record<string, number> {
  const turns: Record<string, number> = {};
  for (const event of events) {
    if (event.type === 'agent-turn-ended' && event.kind === 'completed') {
      turns[event.branchId] = (turns[event.branchId] ?? 0) + 1;
    }
  }
  return turns;
}

/** Branches that `retry` runs again (failed and cancelled ones), or `resume` (all that did not complete). */
export function branchesToRun(view: RunView, reason: 'retry' | 'resume'): BranchId[] {
  return view.branches
    .filter((branch) =>
      reason === 'retry'
        ? branch.state === 'failed' || branch.state === 'cancelled'
        : branch.state !== 'completed' && !(branch.state === 'failed' && branch.error?.code !== 'interrupted'),
    )
    .map((branch) => branch.branchId);
}

type EventOfBranch = Extract<BranchEvent, { branchId: BranchId }>;

/** What answers of the result cache saved; null where none was taken. */
function savedBy(results: readonly StepResult[]): BranchView['saved'] {
  const taken = results.flatMap(({ cached }) => cached ?? []);
  if (taken.length === 0) return null;
  return {
    replies: taken.length,
    usage: taken.reduce((sum, { usage }) => addUsage(sum, usage), noUsage),
    costUsd: sumOf(taken.map(({ costUsd }) => costUsd)),
  };
}

class BranchFold {
  private state: BranchState = 'pending';
  private startedAt: string | null = null;
  private endedAt: string | null = null;
  private attempts = 0;
  private outcome: Extract<EventOfBranch, { type: 'branch-ended' }>['outcome'] | null = null;
  private billingUnknown = false;
  private readonly results = new Map<number, StepResult>();
  private readonly texts = new Map<number, string>();
  private readonly calls = new Map<number, BranchToolCall[]>();
  private retryingInMs: number | null = null;
  private retryingUntil: string | null = null;
  /** Until when the branch's call is held back. */
  private heldUntil: string | null = null;
  private readonly agent = new AgentFold();
  private readonly agentCosts = new AgentCosts();

  constructor(private readonly plan: BranchPlan) {}

  apply(event: EventOfBranch): void {
    this.agent.apply(event);
    this.agentCosts.apply(event);
    this.heldUntil = event.type === 'call-held' ? event.until : null;
    switch (event.type) {
      case 'branch-started':
        this.state = 'running';
        this.startedAt = event.at;
        this.endedAt = null;
        break;
      case 'request-sent':
        this.attempts++;
        this.retryingInMs = null;
        // The same step asked again streams its text anew.
        if (!this.results.has(event.step)) this.texts.delete(event.step);
        break;
      case 'text-delta':
        if (!this.results.has(event.step)) this.texts.set(event.step, (this.texts.get(event.step) ?? '') + event.text);
        break;
      case 'retrying':
        this.retryingInMs = event.delayMs;
        this.retryingUntil = new Date(Date.parse(event.at) + event.delayMs).toISOString();
        if (event.billing === 'unknown') this.billingUnknown = true;
        break;
      case 'step-completed':
        this.retryingInMs = null;
        if (!this.results.has(event.result.step)) this.results.set(event.result.step, event.result);
        break;
      case 'tools-answered':
        this.calls.set(event.step, event.calls);
        break;
      case 'branch-ended':
        this.state = event.outcome.state;
        this.endedAt = event.at;
        this.outcome = event.outcome;
        this.retryingInMs = null;
        if (event.outcome.billing === 'unknown') this.billingUnknown = true;
        break;
      case 'branch-reset':
        this.state = 'pending';
        this.outcome = null;
        this.endedAt = null;
        break;
      case 'prompt-sent':
        this.attempts++;
        this.retryingInMs = null;
        // What a lost process had not said to its end is said anew, or never.
        for (const step of this.texts.keys()) if (!this.results.has(step)) this.texts.delete(step);
        break;
      case 'first-token':
        this.retryingInMs = null;
        break;
      default:
        break;
    }
  }

  view(): BranchView {
    const results = [...this.results.values()].sort((a, b) => a.step - b.step);
    const waiting = this.waiting();
    const inOrder = <T>(bySteps: Map<number, T>) =>
      [...bySteps.entries()].sort(([a], [b]) => a - b).map(([, value]) => value);
    return {
      branchId: this.plan.branchId,
      name: this.plan.name,
      repeat: this.plan.repeat,
      repeats: this.plan.repeats,
      state: waiting === null ? this.state : 'waiting',
      waitingFor: waiting?.for ?? null,
      until: waiting?.until ?? null,
      model: this.plan.model,
      steps: results.length,
      usage: results.reduce((sum, result) => addUsage(sum, result.usage), noUsage),
      costUsd: this.costUsd(results),
      cached: results.length > 0 && results.every(({ cached }) => cached !== undefined),
      saved: savedBy(results),
      startedAt: this.startedAt,
      endedAt: this.endedAt,
      attempts: this.attempts,
      stopReason: this.outcome?.stopReason ?? null,
      error: this.outcome?.error ?? null,
      text: inOrder(this.texts)
        .filter((text) => text.trim() !== '')
        .join('\n\n'),
      unfinishedText: inOrder(new Map([...this.texts].filter(([step]) => !this.results.has(step)))).join('\n\n'),
      toolCalls: inOrder(this.calls)
        .flat()
        .map((call) => this.agent.answered(call)),
      billing: this.billingUnknown || this.agentCosts.lostProcess ? 'unknown' : 'known',
      divergedAtTurn: this.outcome?.divergedAtTurn ?? null,
      changes: this.plan.changes,
      notes: [...this.plan.notes, ...results.flatMap((result) => this.oddEnd(result) ?? []), ...this.agent.notes],
      results,
      retryingInMs: this.retryingInMs,
      ...this.agent.view(),
    };
  }

  private waiting(): { for: NonNullable<BranchView['waitingFor']>; until: string | null } | null {
    if (this.state !== 'running') return null;
    if (this.heldUntil !== null) return { for: 'limit', until: this.heldUntil };
    if (this.plan.agent === undefined) return null;
    if (this.agent.view().questions.length > 0) return { for: 'answer', until: null };
    if (this.agent.waiting !== null) return this.agent.waiting;
    return this.retryingInMs === null ? null : { for: 'retry', until: this.retryingUntil };
  }

  /** What a person can't tell from a reply's stop reason, in a sentence. */
  private oddEnd({ step, stopReason, toolCalls }: StepResult): string | null {
    if (this.plan.agent !== undefined || stopReason !== 'tool_use' || toolCalls > 0) return null;
    const isSilent = (this.texts.get(step) ?? '').trim() === '';
    return `Reply ${step} ${isSilent ? 'says nothing and ' : ''}calls no tool, though it ends with tool_use.`;
  }

  private costUsd(results: readonly StepResult[]): number | null {
    return sumOf(this.agentCosts.all() ?? results.map((result) => result.costUsd));
  }
}
