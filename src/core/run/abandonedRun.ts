import type { Clock } from '../clock.ts';
import { InterruptedError, RunOwnedError } from '../errors.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';
import type { BranchId } from '../ids.ts';
import type { BranchEvent } from './branchEvent.ts';
import type { BranchOutcome } from './branchOutcome.ts';
import { foldRun } from './foldRun.ts';
import type { RunStore } from './ports.ts';
import { failureOf } from './runPlan.ts';

/** A run that was stored and not yet begun is given this long before its dispatcher counts as gone. */
const startGraceMs = 30_000;

/** Does the log lack its end, although nobody drives the run? */
export function isLeftOpen(plan: ForkPlan, events: readonly BranchEvent[], now: number): boolean {
  const { state } = foldRun(plan, events);
  if (state === 'running') return true;
  return state === 'pending' && now - Date.parse(plan.createdAt) > startGraceMs;
}

/** What ends the branches of a run that nobody drives any more. */
export function interruption(): InterruptedError {
  return new InterruptedError(
    'The process that ran this branch went away.',
    'Run Resume: it runs what is missing and keeps what is there.',
  );
}

/**
 * Writes the end of a run that nobody drives: its open branches as interrupted, or as cancelled. Branches that never
 * began stay pending where the run may be resumed.
 * @returns whether there was something to end
 */
export async function endAbandoned(
  plan: ForkPlan,
  deps: { runs: RunStore; clock: Clock },
  how: InterruptedError | 'cancelled',
): Promise<boolean> {
  const { runId } = plan;
  const mark = await deps.runs.own(runId).catch((error: unknown) => {
    // Another process is quicker, with the same or with a new start.
    if (error instanceof RunOwnedError) return null;
    throw error;
  });
  if (mark === null) return false;
  try {
    const events = await deps.runs.events(runId);
    const view = foldRun(plan, events);
    if (view.state !== 'running' && view.state !== 'pending') return false;
    const at = new Date(deps.clock.now()).toISOString();
    for (const { branchId, state } of view.branches) {
      const begun = state === 'running' || state === 'waiting';
      if (!begun && !(state === 'pending' && how === 'cancelled')) continue;
      const outcome = outcomeOf(how, isUnanswered(events, branchId));
      await deps.runs.append({ type: 'branch-ended', runId, branchId, at, outcome });
    }
    // Only its end was lost: nothing is left to be resumed.
    const isThrough = view.branches.every(({ state }) => state === 'completed');
    const state = isThrough ? 'completed' : how === 'cancelled' ? 'cancelled' : 'failed';
    await deps.runs.append({ type: 'run-ended', runId, at, state });
    return true;
  } finally {
    mark.dispose();
  }
}

function outcomeOf(how: InterruptedError | 'cancelled', unanswered: boolean): BranchOutcome {
  return {
    state: how === 'cancelled' ? 'cancelled' : 'failed',
    stopReason: null,
    error: how === 'cancelled' ? null : failureOf(how),
    billing: unanswered ? 'unknown' : 'known',
    divergedAtTurn: null,
  };
}

/** Was a request sent to which no reply and no failure came? */
function isUnanswered(events: readonly BranchEvent[], branchId: BranchId): boolean {
  let unanswered = false;
  for (const event of events) {
    if (!('branchId' in event) || event.branchId !== branchId) continue;
    if (event.type === 'request-sent') unanswered = true;
    if (['step-completed', 'retrying', 'branch-ended'].includes(event.type)) unanswered = false;
  }
  return unanswered;
}
