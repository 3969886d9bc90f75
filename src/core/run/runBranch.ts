import type { BranchPlan, ForkPlan } from '../fork/forkPlan.ts';
import type { Advance, AdvanceInput } from './advance.ts';
import type { AgentBranchPorts } from './agent/runAgentBranch.ts';
import type { BranchOutcome, StepResult } from './branchOutcome.ts';
import type { ModelCall } from './callModel.ts';
import type { StepPosition } from './runPosition.ts';

/** What the branch loop needs of its engine. In-process these are plain functions, in a workflow they are activities. */
export interface BranchPorts {
  /** One model call, retried by the engine's policy. @throws ModelCallError once it is final */
  call(call: ModelCall): Promise<StepResult>;
  /** Answers a reply's tool calls, or takes the next recorded prompt. */
  advance(input: AdvanceInput): Promise<Advance>;
  /** Where Claude Code answers. */
  agent: AgentBranchPorts;
  /** Steps that earlier attempts completed, of an engine that looks them up when the branch begins. */
  prior?(): Promise<readonly StepResult[]>;
  /** Told before each step where the branch stands. An engine may hold it there, and go on from there in another execution. */
  at?(position: StepPosition): Promise<void>;
}

/** Thrown before a call is made when the run's budget is used up. */
export class BudgetReached extends Error {}

/** Counts what a run has spent, over all of its branches. */
export interface Budget {
  /** @throws BudgetReached */
  check(): void;
  add(result: Pick<StepResult, 'costUsd'>): void;
}

/** Reasons for which a reply ends before its end. */
const brokenOff: ReadonlySet<string> = new Set(['refusal', 'max_tokens', 'model_context_window_exceeded']);

/**
 * The branch loop: ask the model, answer its tool calls from the recording, until it ends its (last) turn.
 * Written once for both engines, so it holds no I/O, no time and no randomness.
 * @param prior steps that an earlier attempt completed; they are walked through again without asking the model
 * @param from where an earlier execution left the branch; default: its beginning
 * @returns the outcome of a branch that came to its end; failures and cancellation are thrown
 */
export async function runBranch(
  plan: ForkPlan,
  branch: BranchPlan,
  prior: readonly StepResult[],
  budget: Budget,
  ports: BranchPorts,
  from: StepPosition = beginningOf(plan, branch),
): Promise<BranchOutcome> {
  let { request, turn, turnsLeft, stepOfTurn, hasUsage } = from;
  for (let step = from.step; ; step++) {
    if (ports.at !== undefined) await ports.at({ step, turn, turnsLeft, stepOfTurn, request, hasUsage });
    stepOfTurn++;
    let result = prior[step - 1];
    if (result === undefined) {
      budget.check();
      result = await ports.call({
        runId: plan.runId,
        branchId: branch.branchId,
        provider: plan.provider,
        step,
        turn,
        request,
        cache: plan.cache && { ...plan.cache, repeat: branch.repeat, read: branch.usesCache === true },
      });
    }
    budget.add(result);
    hasUsage &&= result.usageMissing !== true;
    const end = endWith(plan, result, { isLastTurn: turnsLeft === 1, stepOfTurn });
    if (end !== undefined) return completed(end, hasUsage);
    const next = await ports.advance({
      runId: plan.runId,
      branchId: branch.branchId,
      step,
      turn,
      request,
      reply: result.reply,
      recording: branch.recording,
      tools: plan.tools,
    });
    if (next.kind === 'end') return completed(next.stopReason, hasUsage, next.divergedAtTurn);
    if (next.turn !== turn) {
      turnsLeft--;
      stepOfTurn = 0;
    }
    request = next.request;
    turn = next.turn;
  }
}

function beginningOf({ point }: ForkPlan, { turns, request }: BranchPlan): StepPosition {
  return { step: 1, turn: point.turnIndex, turnsLeft: turns, stepOfTurn: 0, request, hasUsage: true };
}

/** Why the branch is over with this reply, undefined where it may go on. */
function endWith(
  { kind, maxSteps }: ForkPlan,
  { toolCalls, stopReason }: StepResult,
  { isLastTurn, stepOfTurn }: { isLastTurn: boolean; stepOfTurn: number },
): string | null | undefined {
  const goesOn = toolCalls > 0 || stopReason === 'pause_turn';
  if (!goesOn) return isLastTurn && kind === 'fork' ? stopReason : undefined;
  // Its last call may be half a call, or one that the model is not to make.
  if (brokenOff.has(stopReason ?? '')) return stopReason;
  return stepOfTurn >= maxSteps ? 'max_steps' : undefined;
}

function completed(stopReason: string | null, hasUsage: boolean, divergedAtTurn: number | null = null): BranchOutcome {
  const billing = hasUsage ? 'known' : 'unknown';
  return { state: 'completed', stopReason, error: null, billing, divergedAtTurn };
}
