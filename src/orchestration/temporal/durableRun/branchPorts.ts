import type { BranchPlan } from '../../../core/fork/forkPlan.ts';
import type { RunId } from '../../../core/ids.ts';
import { stepResultSchema } from '../../../core/run/branchOutcome.ts';
import type { BranchPorts } from '../../../core/run/runBranch.ts';
import type { Activities } from '../activities.ts';
import { rethrowAsOurs } from '../rethrowAsOurs.ts';
import { createAgentBranchPorts } from './agentBranchPorts.ts';
import type { Continuation } from './continuation.ts';
import type { FirstTokens } from './firstTokens.ts';
import type { PendingQuestions } from './pendingQuestions.ts';
import { type CallLimits, modelActivities } from './runActivities.ts';
import type { RunBranches } from './runBranches.ts';

/** What the branches of a run share. */
export interface BranchPortsDeps {
  runId: RunId;
  limits: CallLimits;
  local: Activities;
  branches: RunBranches;
  tokens: FirstTokens;
  questions: PendingQuestions;
  /** Null for a run that an older version started: it ends in the execution that it began in. */
  continuation: Continuation | null;
}

/** What the branch loop needs of its engine, as activities. */
export function createBranchPorts(branch: BranchPlan, deps: BranchPortsDeps): BranchPorts {
  const { runId, limits, local, tokens, continuation, branches } = deps;
  const { progress } = branches;
  const { branchId } = branch;
  const remote = modelActivities(branch, limits);
  const isBehind = continuation?.isBehind(branchId, progress.of(branchId).steps) === true;
  return {
    call: async (call) => {
      const announceFirstToken = tokens.isAwaited(branchId);
      const asked = remote.callModel({ call, retry: limits.retry, announceFirstToken }).catch(rethrowAsOurs);
      const result = stepResultSchema.parse(await progress.during(branchId, 'model', asked));
      progress.replied(branchId, result);
      continuation?.moved();
      return result;
    },
    advance: (input) => local.advanceBranch(input).catch(rethrowAsOurs),
    agent: createAgentBranchPorts(branch, deps),
    ...(continuation !== null && {
      at: (position) => continuation.at(branchId, position),
      prior: async () => (isBehind ? local.completedSteps({ runId, branchId }) : []),
    }),
  };
}
