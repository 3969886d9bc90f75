// src/core/run: how a plan is carried out: the branch loop, its ports, events and their fold. It knows the plan, not
// the session it was made of, and no comparison.

import { ForkpointError, ModelCallError, messageOf } from '../errors.ts';
import type { Failure } from '../failure.ts';
import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import type { BranchId } from '../ids.ts';
import { type AgentBranchPorts, runAgentBranch } from './agent/runAgentBranch.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { BranchOutcome, StepResult } from './branchOutcome.ts';
import { BranchSlots } from './branchSlots.ts';
import { type BranchPorts, BudgetReached, runBranch } from './runBranch.ts';
import { RunBudget } from './runBudget.ts';
import { type LimitChange, RunLimits } from './runLimits.ts';
import type { BranchPosition, PromptPosition, RunPosition, StepPosition } from './runPosition.ts';

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
   * a free place, then runs `work` within the time of `limits` (null: no limit).
   * @throws BranchStopped, also while it still waits
   */
  branch<T>(
    branch: BranchPlan,
    given: { gate: Promise<void> | null; limits: RunLimits | null },
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
  /**
   * Waits until one more branch may be begun with, of an engine for which thousands are too many at once.
   * @returns null where there is nothing to wait for: branches that begin at the same moment are cheaper
   */
  place?(branchId: BranchId): Promise<void> | null;
  /** An agent keeps its slot while it waits, as it did when the run began. Default: false. */
  readonly keepsSlots?: boolean;
}

/** Which branches of the plan to run, and what earlier attempts completed of them. */
export interface RunInput {
  branches: readonly BranchId[];
  /** Completed steps by branch id. */
  prior: Readonly<Record<string, readonly StepResult[]>>;
  /** Prompts that agents are through with, by branch id. */
  turnsDone?: Readonly<Record<string, number>> | undefined;
  /** US dollars that were spent before, but for the steps of `prior` that are walked through again. Default: counted from those. */
  spentUsd?: number | undefined;
  /** 1 for the first dispatch, then one more for each retry or resume. */
  attempt: number;
  /** Where an earlier execution of this attempt left the run. */
  from?: RunPosition | undefined;
}

export type RunEnd = 'completed' | 'failed' | 'cancelled';

/** A run under way. */
export interface PlanRun {
  /** Failed where any branch failed, else cancelled where any was, else completed. */
  readonly ended: Promise<RunEnd>;
  /** US dollars of all its steps and prompts, a price that is unknown not counted. */
  readonly spentUsd: number;
  /**
   * Takes one more branch. The run does not end while it is made.
   * @param make gives the branch; what it throws is thrown
   * @throws RunOver
   */
  add(make: () => Promise<BranchPlan>): Promise<void>;
  /** The branches follow at once. @throws RunOver */
  changeLimits(change: LimitChange): void;
  /** Questions of the branch wait for a person, or none any more. Meanwhile another may have its slot. */
  asks(branchId: BranchId, isAsking: boolean): void;
}

/** All branches have ended: the run takes no more orders. */
export class RunOver extends Error {}

/**
 * Runs the branches side by side and waits for all: a branch that fails, is cancelled or times out never takes another with
 * it. Of branches that share a cached prefix one goes ahead, and the rest leave at its first token.
 */
export function runPlan(plan: ForkPlan, input: RunInput, ports: PlanPorts): PlanRun {
  return new Run(plan, input, ports);
}

class Run implements PlanRun {
  readonly ended: Promise<RunEnd>;
  readonly #plan: ForkPlan;
  readonly #input: RunInput;
  readonly #ports: PlanPorts;
  readonly #limits: RunLimits;
  readonly #budget: RunBudget;
  readonly #slots: BranchSlots | null;
  readonly #outcomes = new Map<BranchId, Promise<BranchOutcome>>();
  #leaders: ReadonlyMap<string, BranchId> = new Map();
  /** Branches that are being made. */
  readonly #coming = new Set<Promise<void>>();
  #over = false;

  constructor(plan: ForkPlan, input: RunInput, ports: PlanPorts) {
    this.#plan = plan;
    this.#input = input;
    this.#ports = ports;
    this.#limits = new RunLimits(plan);
    this.#budget = new RunBudget(this.#limits, input);
    this.#slots = plan.agent === null ? null : new BranchSlots(plan.agent.concurrency);
    this.ended = this.#run();
  }

  get spentUsd(): number {
    return this.#budget.spentUsd;
  }

  async add(make: () => Promise<BranchPlan>): Promise<void> {
    if (this.#over) throw new RunOver();
    const started = make().then((branch) => this.#start(branch));
    const coming = settled(started);
    this.#coming.add(coming);
    try {
      await started;
    } finally {
      this.#coming.delete(coming);
    }
  }

  changeLimits(change: LimitChange): void {
    if (this.#over) throw new RunOver();
    this.#limits.change(change);
    if (change.concurrency !== undefined) this.#slots?.resize(change.concurrency);
  }

  asks(branchId: BranchId, isAsking: boolean): void {
    if (this.#ports.keepsSlots !== true) this.#slots?.asks(branchId, isAsking);
  }

  async #run(): Promise<RunEnd> {
    const { attempt, from } = this.#input;
    const { runId, agent } = this.#plan;
    if (from === undefined) await this.#ports.record({ type: 'run-started', runId, at: this.#ports.now(), attempt });
    const starting = this.#startAll(this.#inOrder());
    const hasChecks = agent !== null && agent.checks.length > 0 && from?.baselinesChecked !== true;
    // The branches are worth as much without them. Caught here: it may fail long before the branches end, and a rejection that nobody
    // handles ends a process, and halts a workflow.
    const baselines = hasChecks ? this.#ports.checkBaselines().catch(() => undefined) : null;
    if (starting !== null) await starting;
    const outcomes = await this.#allOutcomes();
    await baselines;
    this.#over = true;
    const ends = new Set([...outcomes.map((outcome) => outcome.state), ...(from?.ended ?? [])]);
    const state = ends.has('failed') ? 'failed' : ends.has('cancelled') ? 'cancelled' : 'completed';
    await this.#ports.record({ type: 'run-ended', runId, at: this.#ports.now(), state });
    return state;
  }

  /** Those that have begun keep their slots. Then leaders, so that a follower finds its leader's end in the map. */
  #inOrder(): BranchPlan[] {
    const wanted = new Set(this.#input.branches);
    const branches = this.#plan.branches.filter(({ branchId }) => wanted.has(branchId));
    const leaders = leadersOf(branches);
    this.#leaders = leaders;
    const rank = (branch: BranchPlan): number =>
      this.#positionOf(branch.branchId) !== undefined ? 0 : isLeader(branch, leaders) ? 1 : 2;
    return branches.sort((a, b) => rank(a) - rank(b));
  }

  #positionOf(branchId: BranchId): BranchPosition | undefined {
    return this.#input.from?.begun[branchId];
  }

  /** Waits for the branches, those included that come meanwhile. */
  async #allOutcomes(): Promise<BranchOutcome[]> {
    for (;;) {
      const outcomes = await Promise.all(this.#outcomes.values());
      if (outcomes.length === this.#outcomes.size && this.#coming.size === 0) return outcomes;
      await Promise.all(this.#coming);
    }
  }

  /** @returns null where all have started at once */
  #startAll(branches: readonly BranchPlan[]): Promise<void> | null {
    if (this.#ports.place !== undefined) return this.#startInTurn(branches);
    for (const branch of branches) this.#start(branch);
    return null;
  }

  async #startInTurn(branches: readonly BranchPlan[]): Promise<void> {
    for (const branch of branches) {
      const place = this.#ports.place?.(branch.branchId) ?? null;
      if (place !== null) await place;
      this.#start(branch);
    }
  }

  #start(branch: BranchPlan): void {
    const prior = this.#input.prior[branch.branchId] ?? [];
    const turnsDone = this.#input.turnsDone?.[branch.branchId] ?? 0;
    const slot = this.#startsWaiting(branch.branchId) ? undefined : this.#slots?.of(branch.branchId).take('begins');
    const gate = slot === undefined ? this.#gateFor(branch) : bothOf(slot, this.#gateFor(branch));
    const outcome = this.#outcomeOf(branch, { prior, turnsDone, gate });
    this.#outcomes.set(branch.branchId, outcome);
    // Also where the branch was cancelled while it waited: then its slot is given on as soon as it comes.
    if (this.#slots !== null) void Promise.all([slot, settled(outcome)]).then(() => this.#slots?.end(branch.branchId));
  }

  /** An earlier execution left it waiting for the account's limit. */
  #startsWaiting(branchId: BranchId): boolean {
    const from = this.#positionOf(branchId);
    return this.#ports.keepsSlots !== true && isPrompt(from) && from.until !== null;
  }

  #gateFor({ branchId, cacheGroup }: BranchPlan): Promise<void> | null {
    if (cacheGroup === null || this.#input.from?.openGroups.includes(cacheGroup)) return null;
    const leader = this.#leaders.get(cacheGroup);
    if (leader === undefined || leader === branchId) return null;
    // A leader that fails before its first token must not hold the others back.
    return Promise.race([this.#ports.firstToken(leader), settled(this.#outcomes.get(leader))]);
  }

  async #outcomeOf(
    branch: BranchPlan,
    { prior, turnsDone, gate }: { prior: readonly StepResult[]; turnsDone: number; gate: Promise<void> | null },
  ): Promise<BranchOutcome> {
    const { runId, executor } = this.#plan;
    const { branchId } = branch;
    const from = this.#positionOf(branchId);
    const ports = this.#ports;
    let inFlight = false;
    const watched = async <T>(call: Promise<T>): Promise<T> => {
      inFlight = true;
      const result = await call;
      inFlight = false;
      return result;
    };
    // An agent's time stands still while it waits for a person, so its own work looks after it.
    const limits = executor === 'claude-code' ? null : this.#limits;
    const outcome = await ports
      .branch(branch, { gate, limits }, async (branchPorts) => {
        if (from === undefined) await ports.record({ type: 'branch-started', runId, branchId, at: ports.now() });
        if (executor === 'claude-code') {
          const agent = this.#sharingSlots(branchPorts.agent);
          const turn: typeof agent.turn = (ref) => watched(agent.turn(ref));
          const position = isPrompt(from) ? from : undefined;
          return runAgentBranch(this.#plan, branch, turnsDone, this.#budget, { ...agent, turn }, position);
        }
        const known = branchPorts.prior === undefined ? prior : await branchPorts.prior();
        const call: typeof branchPorts.call = (order) => watched(branchPorts.call(order));
        const advance: typeof branchPorts.advance = (input) => branchPorts.advance(input);
        const position = isStep(from) ? from : undefined;
        return runBranch(this.#plan, branch, known, this.#budget, { ...branchPorts, advance, call }, position);
      })
      .catch((error: unknown) => outcomeOf(error, inFlight, this.#limits.timeoutSeconds));
    await ports.record({ type: 'branch-ended', runId, branchId, at: ports.now(), outcome });
    return outcome;
  }

  /** While a branch waits for the account's limit, another has its slot. */
  #sharingSlots(agent: AgentBranchPorts): AgentBranchPorts {
    const slots = this.#slots;
    if (slots === null || this.#ports.keepsSlots === true) return agent;
    return {
      ...agent,
      waitUntil: (ref, until) => {
        const slot = slots.of(ref.branchId);
        slot.giveUp();
        return agent.waitUntil(ref, until, () => slot.take('goes on'));
      },
    };
  }
}

/** Resolves also where the outcome can't be written: that error reaches the caller that waits for all outcomes. */
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

function isPrompt(position: BranchPosition | undefined): position is PromptPosition {
  return position !== undefined && 'prompt' in position;
}

function isStep(position: BranchPosition | undefined): position is StepPosition {
  return position !== undefined && 'step' in position;
}

function outcomeOf(error: unknown, inFlight: boolean, timeoutSeconds: number): BranchOutcome {
  const none = { stopReason: null, error: null, divergedAtTurn: null };
  if (error instanceof BudgetReached) {
    return { ...none, state: 'cancelled', stopReason: 'budget', billing: 'known' };
  }
  const billing = inFlight ? 'unknown' : 'known';
  if (error instanceof BranchStopped) {
    return error.reason === 'cancelled'
      ? { ...none, state: 'cancelled', billing }
      : { ...none, state: 'failed', stopReason: 'timeout', error: timedOut(timeoutSeconds), billing };
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

function timedOut(seconds: number): Failure {
  return {
    code: 'timeout',
    message: `The branch took longer than ${seconds} seconds.`,
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
