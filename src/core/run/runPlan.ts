import { runAgentBranch } from '../agent/runAgentBranch.ts';
import { ForkpointError, ModelCallError, messageOf } from '../errors.ts';
import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import type { BranchId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { BranchOutcome, Failure, StepResult } from './branchOutcome.ts';
import { type BranchPorts, type Budget, BudgetReached, runBranch } from './runBranch.ts';
import { Slots } from './slots.ts';

/** Rejection of `PlanPorts.branch` when the branch was cancelled or ran out of time. */
export class BranchStopped extends Error {
  constructor(readonly reason: 'cancelled' | 'timeout') {
    super(reason === 'timeout' ? 'The branch ran out of time.' : 'The branch was cancelled.');
  }
}

/** What a run needs of its engine. */
export interface PlanPorts {
  /**
   * Runs one branch in a scope of its own, which can be cancelled without touching the others: waits for `gate`, then for
   * a free place, then runs `work` within `timeoutMs` (null: no limit).
   * @throws BranchStopped, also while it still waits
   */
  branch<T>(
    branch: BranchPlan,
    limits: { gate: Promise<void> | null; timeoutMs: number | null },
    work: (ports: BranchPorts) => Promise<T>,
  ): Promise<T>;
  /** Resolves when the branch's first token has come. May stay pending for ever. */
  firstToken(branchId: BranchId): Promise<void>;
  /** Appends to the run's log. */
  record(event: BranchEvent): Promise<void>;
  /** ISO 8601. */
  now(): string;
  /** Runs the checks of agent branches on the states that these are compared with. */
  checkBaselines(): Promise<void>;
}

/** Which branches of the plan to run, and what earlier attempts completed of them. */
export interface RunInput {
  branches: readonly BranchId[];
  /** Completed steps by branch id. */
  prior: Readonly<Record<string, readonly StepResult[]>>;
  /** Prompts that agents are through with, by branch id. */
  turnsDone?: Readonly<Record<string, number>> | undefined;
  /** 1 for the first dispatch, then one more for each retry or resume. */
  attempt: number;
}

/**
 * Runs the branches side by side and settles all: a branch that fails, is cancelled or times out never takes another with
 * it. Of branches that share a cached prefix one goes ahead, and the rest leave at its first token.
 * @returns the run's end state: failed where any branch failed, else cancelled where any was, else completed
 */
export async function runPlan(
  plan: ForkPlan,
  input: RunInput,
  ports: PlanPorts,
): Promise<'completed' | 'failed' | 'cancelled'> {
  await ports.record({ type: 'run-started', runId: plan.runId, at: ports.now(), attempt: input.attempt });
  const branches = plan.branches.filter((branch) => input.branches.includes(branch.branchId));
  const budget = budgetOf(plan, input);
  const ended = new Map<BranchId, Promise<BranchOutcome>>();
  const leaders = leadersOf(branches);
  const slots = plan.agent === null ? null : new Slots(plan.agent.concurrency);
  const gateFor = (branch: BranchPlan): Promise<void> | null => {
    const leader = branch.cacheGroup === null ? undefined : leaders.get(branch.cacheGroup);
    if (leader === undefined || leader === branch.branchId) return null;
    // A leader that fails before its first token must not hold the others back.
    return Promise.race([ports.firstToken(leader), settled(ended.get(leader))]);
  };
  // Leaders first, so that a follower finds its leader's end in the map.
  const ordered = [...branches].sort((a, b) => Number(isLeader(b, leaders)) - Number(isLeader(a, leaders)));
  for (const branch of ordered) {
    const prior = input.prior[branch.branchId] ?? [];
    const turnsDone = input.turnsDone?.[branch.branchId] ?? 0;
    const slot = slots?.take();
    const gate = slot === undefined ? gateFor(branch) : bothOf(slot, gateFor(branch));
    const outcome = settle(plan, branch, prior, turnsDone, budget, gate, ports);
    ended.set(branch.branchId, outcome);
    // Also where the branch was cancelled while it waited: then its slot is given on as soon as it comes.
    if (slot !== undefined) void Promise.all([slot, settled(outcome)]).then(([release]) => release());
  }
  const hasChecks = plan.agent !== null && plan.agent.checks.length > 0;
  // The branches are worth as much without them. Caught here: it may fail long before the branches end, and a rejection that nobody
  // handles ends a process, and halts a workflow.
  const baselines = hasChecks ? ports.checkBaselines().catch(() => undefined) : null;
  const outcomes = await Promise.all(ended.values());
  await baselines;
  const state = outcomes.some((outcome) => outcome.state === 'failed')
    ? 'failed'
    : outcomes.some((outcome) => outcome.state === 'cancelled')
      ? 'cancelled'
      : 'completed';
  await ports.record({ type: 'run-ended', runId: plan.runId, at: ports.now(), state });
  return state;
}

/** Resolves also where the outcome can't be written down: whoever waits for all outcomes hears of that. */
function settled(outcome: Promise<unknown> | undefined): Promise<void> {
  return outcome?.then(nothing, nothing) ?? new Promise(nothing);
}

function nothing(): void {}

async function bothOf(slot: Promise<unknown>, gate: Promise<void> | null): Promise<void> {
  await slot;
  await gate;
}

/** The first of each group: the planned leader where it is among the branches that run. */
function leadersOf(branches: readonly BranchPlan[]): Map<string, BranchId> {
  const leaders = new Map<string, BranchId>();
  for (const branch of [...branches].sort((a, b) => Number(b.leads) - Number(a.leads))) {
    if (branch.cacheGroup !== null && !leaders.has(branch.cacheGroup)) {
      leaders.set(branch.cacheGroup, branch.branchId);
    }
  }
  return leaders;
}

const isLeader = (branch: BranchPlan, leaders: Map<string, BranchId>) =>
  branch.cacheGroup !== null && leaders.get(branch.cacheGroup) === branch.branchId;

/** Counts every dollar that the run has spent, the steps of earlier attempts and of branches that do not run again included. */
function budgetOf(plan: ForkPlan, input: RunInput): Budget {
  const running = new Set<string>(input.branches);
  let spent = Object.entries(input.prior)
    .filter(([branchId]) => !running.has(branchId))
    .flatMap(([, steps]) => steps)
    .reduce((sum, step) => sum + (step.costUsd ?? 0), 0);
  return {
    check: () => {
      if (plan.budgetUsd !== null && spent >= plan.budgetUsd) throw new BudgetReached();
    },
    add: (result) => {
      spent += result.costUsd ?? 0;
    },
  };
}

async function settle(
  plan: ForkPlan,
  branch: BranchPlan,
  prior: readonly StepResult[],
  turnsDone: number,
  budget: Budget,
  gate: Promise<void> | null,
  ports: PlanPorts,
): Promise<BranchOutcome> {
  let inFlight = false;
  // An agent's time stands still while it waits for a person, so its own work looks after it.
  const timeoutMs = plan.executor === 'claude-code' ? null : plan.timeoutSeconds * 1000;
  const outcome = await ports
    .branch(branch, { gate, timeoutMs }, async (branchPorts) => {
      await ports.record({
        type: 'branch-started',
        runId: plan.runId,
        branchId: branch.branchId,
        at: ports.now(),
      });
      if (plan.executor === 'claude-code') {
        const { agent } = branchPorts;
        return runAgentBranch(plan, branch, turnsDone, budget, {
          ...agent,
          turn: async (turn) => {
            inFlight = true;
            const end = await agent.turn(turn);
            inFlight = false;
            return end;
          },
        });
      }
      return runBranch(plan, branch, prior, budget, {
        ...branchPorts,
        advance: (input) => branchPorts.advance(input),
        call: async (call) => {
          inFlight = true;
          const result = await branchPorts.call(call);
          inFlight = false;
          return result;
        },
      });
    })
    .catch((error: unknown) => outcomeOf(error, inFlight, plan));
  await ports.record({
    type: 'branch-ended',
    runId: plan.runId,
    branchId: branch.branchId,
    at: ports.now(),
    outcome,
  });
  return outcome;
}

function outcomeOf(error: unknown, inFlight: boolean, plan: ForkPlan): BranchOutcome {
  const none = { stopReason: null, error: null, divergedAtTurn: null };
  if (error instanceof BudgetReached) {
    return { ...none, state: 'cancelled', stopReason: 'budget', billing: 'known' };
  }
  const billing = inFlight ? 'unknown' : 'known';
  if (error instanceof BranchStopped) {
    return error.reason === 'cancelled'
      ? { ...none, state: 'cancelled', billing }
      : { ...none, state: 'failed', stopReason: 'timeout', error: timedOut(plan), billing };
  }
  if (error instanceof ModelCallError) {
    return {
      ...none,
      state: 'failed',
      error: failureOf(error),
      billing: error.facts.mayBeBilled ? 'unknown' : 'known',
    };
  }
  return { ...none, state: 'failed', error: failureOf(error), billing };
}

function timedOut(plan: ForkPlan): Failure {
  return {
    code: 'timeout',
    message: `The branch took longer than ${plan.timeoutSeconds} seconds.`,
    hint: 'Give it a longer time limit (timeoutSeconds), then run Retry Failed.',
  };
}

/** Any thrown value as data. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ForkpointError) {
    return { code: error.code, message: error.message, hint: error.hint, details: error.details };
  }
  return { code: 'internal', message: messageOf(error), hint: 'Please report this; the log has the details.' };
}
