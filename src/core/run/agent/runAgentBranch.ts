// src/core/run/agent: how a branch that Claude Code answers is carried out: prepare, turns, finish, discard.
// No process and no file: those are behind ports.

import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import type { BranchPlan, ForkPlan } from '../../fork/forkPlan.ts';
import type { BranchOutcome } from '../branchOutcome.ts';
import type { Budget } from '../runBranch.ts';
import type { PromptPosition } from '../runPosition.ts';
import type { AgentTurnOutcome } from './agentWork.ts';

/** What the agent loop needs of its engine. In-process these are plain functions, in a workflow they are activities. */
export interface AgentBranchPorts {
  /** Makes the place, writes the branch's session, runs the set-up. Done already: nothing happens. */
  prepare(ref: AgentBranchRef): Promise<void>;
  /** Sends one prompt (0-based) and waits for its end; a prompt that was sent before is gone on with. */
  turn(ref: AgentBranchRef & { turn: number }): Promise<AgentTurnOutcome>;
  /**
   * Waits until a moment (ISO 8601), durably where the engine can.
   * @param slot waits from then on for the branch's turn; a branch that is stopped waits no more
   */
  waitUntil(ref: AgentBranchRef, until: string, slot?: () => Promise<unknown>): Promise<void>;
  /** Finds out what the branch changed, also after a cancellation; runs its checks where asked to. */
  finish(ref: AgentBranchRef & { checks: boolean }): Promise<void>;
  /** Removes what was prepared for a branch that never started, in reverse order. */
  discard(ref: AgentBranchRef): Promise<void>;
  /** Told before each prompt where the branch stands. An engine may hold it there, and go on from there in another execution. */
  at?(ref: AgentBranchRef, position: PromptPosition): Promise<void>;
}

/**
 * The loop of a branch that Claude Code answers: prepare a place, send the prompts one after another, look at what came of
 * it. Written once for both engines, so it holds no I/O, no time and no randomness.
 * @param turnsDone prompts that earlier attempts went through
 * @param from where an earlier execution left the branch, its place prepared
 * @returns the outcome of a branch that came to its end; failures and cancellation are thrown
 */
export async function runAgentBranch(
  plan: ForkPlan,
  branch: BranchPlan,
  turnsDone: number,
  budget: Budget,
  ports: AgentBranchPorts,
  from?: PromptPosition,
): Promise<BranchOutcome> {
  const ref = { runId: plan.runId, branchId: branch.branchId };
  try {
    if (from === undefined) await ports.prepare(ref);
  } catch (error) {
    await ports.discard(ref);
    throw error;
  }
  let completed = false;
  try {
    const outcome = await sendPrompts(ref, branch, from ?? { prompt: turnsDone, until: null }, budget, ports);
    completed = outcome.state === 'completed';
    return outcome;
  } finally {
    await ports.finish({ ...ref, checks: completed });
  }
}

async function sendPrompts(
  ref: AgentBranchRef,
  branch: BranchPlan,
  from: PromptPosition,
  budget: Budget,
  ports: AgentBranchPorts,
): Promise<BranchOutcome> {
  let last: AgentTurnOutcome | null = null;
  let { until } = from;
  for (let prompt = from.prompt; prompt < branch.turns; ) {
    if (ports.at !== undefined) await ports.at(ref, { prompt, until });
    // What was sent already is gone on with.
    if (until === null) budget.check();
    else await ports.waitUntil(ref, until);
    last = await ports.turn({ ...ref, turn: prompt });
    budget.add(last);
    until = last.kind === 'limit' ? last.resetsAt : null;
    if (until !== null) continue;
    if (last.kind !== 'completed') return outcomeOf(last);
    prompt += 1;
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
