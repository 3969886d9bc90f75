import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow';
import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import type { AgentTurnOutcome } from '../../../core/run/agent/agentWork.ts';
import type { AgentBranchPorts } from '../../../core/run/agent/runAgentBranch.ts';
import type { Activities } from '../activities.ts';
import { rethrowAsOurs } from '../rethrowAsOurs.ts';
import type { BranchPortsDeps } from './branchPorts.ts';
import { agentActivities } from './runActivities.ts';

/** What a branch that Claude Code answers needs of its engine, as activities. */
export function createAgentBranchPorts(branch: BranchPlan, deps: BranchPortsDeps): AgentBranchPorts {
  const { limits, local, tokens, questions, continuation, branches } = deps;
  const { progress } = branches;
  const { branchId } = branch;
  const remote = agentActivities(`${branch.name} · ${branch.model}`, limits.heartbeatMs);
  const announceFirstToken = tokens.isAwaited(branchId);
  // Runs that older workers began go on in three steps.
  const inOne = branch.agent !== undefined && patched('whole-agent-turn');
  // Also where an earlier execution held the branch: what is prepared already stays as it is.
  let first = inOne;
  let finished = false;
  const send = async (order: Parameters<Activities['agentTurn']>[0]): Promise<AgentTurnOutcome> => {
    if (!inOne) return remote.agentTurn(order);
    const whole = { ...order, first, last: order.turn === branch.turns - 1 };
    first = false;
    const end = await remote.wholeAgentTurn(whole);
    finished = end.finished;
    return end;
  };
  return {
    prepare: async (ref) => {
      if (!inOne) await remote.prepareAgent(ref).catch(rethrowAsOurs);
    },
    turn: async (ref) => {
      try {
        const working = send({ ...ref, announceFirstToken }).catch(rethrowAsOurs);
        const end = await progress.during(branchId, 'agent', working);
        progress.prompted(branchId, end.costUsd, end.kind === 'completed');
        continuation?.moved();
        return end;
      } finally {
        // With its process nobody waits for answers any more, whether or not its last word came.
        questions.closeAll(branchId);
      }
    },
    waitUntil: async (ref, until, slot) => {
      await local.noteWaiting({ ...ref, until });
      const over = () => progress.during(branchId, 'limit', sleep(Math.max(0, Date.parse(until) - Date.now())));
      const slept =
        slot === undefined
          ? over
          : () => over().then(() => progress.during(branchId, 'start', unlessCancelled(slot())));
      await (continuation === null ? slept() : continuation.asleep(branchId, slept));
    },
    // What a cancelled branch changed is looked at, and what was prepared for nothing is removed, all the same.
    finish: async (ref) => {
      if (finished) return;
      const look = async (checks: boolean) => {
        const order = { ...ref, checks };
        await (inOne ? remote.endAgent(order) : remote.finishAgent(order)).catch(rethrowAsOurs);
      };
      if (!ref.checks) return CancellationScope.nonCancellable(() => look(false));
      // It was through with its prompts before: the place may be gone since.
      if (first) await remote.prepareAgent({ runId: ref.runId, branchId: ref.branchId }).catch(rethrowAsOurs);
      try {
        await look(true);
      } catch (error) {
        // Cancelled in the middle of its checks, or before it was looked at.
        if (isCancellation(error)) await CancellationScope.nonCancellable(() => look(false));
        throw error;
      }
    },
    discard: (ref) => CancellationScope.nonCancellable(() => remote.discardAgent(ref).catch(rethrowAsOurs)),
    ...(continuation !== null && { at: (_ref, position) => continuation.at(branchId, position) }),
  };
}

/** @throws CancelledFailure */
async function unlessCancelled(waiting: Promise<unknown>): Promise<void> {
  await Promise.race([waiting, CancellationScope.current().cancelRequested]);
}
