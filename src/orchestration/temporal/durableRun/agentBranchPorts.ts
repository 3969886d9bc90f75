import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import type { AgentBranchPorts } from '../../../core/run/agent/runAgentBranch.ts';
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
  return {
    prepare: (ref) => remote.prepareAgent(ref).catch(rethrowAsOurs),
    turn: async (ref) => {
      try {
        const working = remote.agentTurn({ ...ref, announceFirstToken }).catch(rethrowAsOurs);
        const end = await progress.during(branchId, 'agent', working);
        progress.prompted(branchId, end.costUsd, end.kind === 'completed');
        continuation?.moved();
        return end;
      } finally {
        // With its process nobody waits for answers any more, whether or not its last word came.
        questions.closeAll(branchId);
      }
    },
    waitUntil: async (ref, until) => {
      await local.noteWaiting({ ...ref, until });
      const slept = () => progress.during(branchId, 'limit', sleep(Math.max(0, Date.parse(until) - Date.now())));
      await (continuation === null ? slept() : continuation.asleep(branchId, slept));
    },
    // What a cancelled branch changed is looked at, and what was prepared for nothing is removed, all the same.
    finish: async (ref) => {
      const look = (checks: boolean) => remote.finishAgent({ ...ref, checks }).catch(rethrowAsOurs);
      if (!ref.checks) return CancellationScope.nonCancellable(() => look(false));
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
