import { BranchLog } from '../branchLog.ts';
import { agentTurn } from './agentTurn.ts';
import type { AgentWork, AgentWorkDeps } from './agentWork.ts';
import { checkBaselines } from './checkBaselines.ts';
import { discardBranch } from './discardBranch.ts';
import { finishBranch } from './finishBranch.ts';
import { prepareBranch } from './prepareBranch.ts';

/** The work of agent branches on the given ports: plain functions in-process, activities on Temporal. */
export function createAgentWork(deps: AgentWorkDeps): AgentWork {
  return {
    prepare: (ref, signal) => prepareBranch(ref, deps, signal),
    turn: (ref, options) => agentTurn(ref, deps, options),
    noteWaiting: (ref, until) => new BranchLog(ref, deps).append({ type: 'agent-waiting', for: 'limit', until }),
    finish: (ref, signal) => finishBranch(ref, deps, signal),
    discard: (ref) => discardBranch(ref, deps),
    checkBaselines: (runId, signal) => checkBaselines(runId, deps, signal),
  };
}
