import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import type { BranchPlan, ForkPlan } from '../../fork/forkPlan.ts';
import type { BranchOutcome } from '../branchOutcome.ts';
import type { Budget } from '../runBranch.ts';
import type { AgentTurnOutcome } from './agentWork.ts';

/** What the agent loop needs of its engine. In-process these are plain functions, in a workflow they are activities. */
export interface AgentBranchPorts {
  /** Makes the place, writes the branch's session, runs the set-up. Done already: nothing happens. */
  prepare(ref: AgentBranchRef): Promise<void>;
  /** Sends one prompt (0-based) and waits for its end; a prompt that was sent before is gone on with. */
  turn(ref: AgentBranchRef & { turn: number }): Promise<AgentTurnOutcome>;
  /** Waits until a moment (ISO 8601), durably where the engine can. */
  waitUntil(ref: AgentBranchRef, until: string): Promise<void>;
  /** Finds out what the branch changed, also after a cancellation; runs its checks where asked to. */
  finish(ref: AgentBranchRef & { checks: boolean }): Promise<void>;
  /** Removes what was prepared for a branch that never started, in reverse order. */
  discard(ref: AgentBranchRef): Promise<void>;
}

/**
 * The loop of a branch that Claude Code answers: prepare a place, send the prompts one after another, look at what came of
 * it. Written once for both engines, so it holds no I/O, no time and no randomness.
 * @param turnsDone prompts that earlier attempts went through
 * @returns the outcome of a branch that came to its end; failures and cancellation are thrown
 */
export async function runAgentBranch(
  plan: ForkPlan,
  branch: BranchPlan,
  turnsDone: number,
  budget: Budget,
  ports: AgentBranchPorts,
): Promise<BranchOutcome> {
  const ref = { runId: plan.runId, branchId: branch.branchId };
  try {
    await ports.prepare(ref);
  } catch (error) {
    await ports.discard(ref);
    throw error;
  }
  let completed = false;
  try {
    const outcome = await sendPrompts(ref, branch, turnsDone, budget, ports);
    completed = outcome.state === 'completed';
    return outcome;
  } finally {
    await ports.finish({ ...ref, checks: completed });
  }
}

async function sendPrompts(
  ref: AgentBranchRef,
  branch: BranchPlan,
  turnsDone: number,
  budget: Budget,
  ports: AgentBranchPorts,
): Promise<BranchOutcome> {
  let last: AgentTurnOutcome | null = null;
  for (let turn = turnsDone; turn < branch.turns; turn += 1) {
    budget.check();
    last = await ports.turn({ ...ref, turn });
    budget.add(last);
    while (last.kind === 'limit') {
      await ports.waitUntil(ref, last.resetsAt);
      last = await ports.turn({ ...ref, turn });
      budget.add(last);
    }
    if (last.kind !== 'completed') return outcomeOf(last);
  }
  return { ...nothing, state: 'completed', stopReason: last?.stopReason ?? null };
}

const nothing = { stopReason: null, error: null, billing: 'known', divergedAtTurn: null } as const;

function outcomeOf(end: AgentTurnOutcome): BranchOutcome {
  switch (end.kind) {
    case 'completed':
      return { ...nothing, state: 'completed', stopReason: end.stopReason };
    case 'max_turns':
      return { ...nothing, state: 'completed', stopReason: 'max_turns' };
    case 'budget':
      return { ...nothing, state: 'cancelled', stopReason: 'budget' };
    case 'timeout':
      return { ...nothing, state: 'failed', stopReason: 'timeout', error: end.error };
    case 'failed':
    case 'limit':
      return { ...nothing, state: 'failed', stopReason: end.stopReason, error: end.error };
  }
}
