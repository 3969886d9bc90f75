import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { loadBranch } from './loadBranch.ts';
import { removePlaceOf } from './removePlace.ts';

/**
 * Removes what was prepared for a branch that never started: its session, then its place. A place whose set-up failed is
 * kept, to look into.
 */
export async function discardBranch(ref: AgentBranchRef, deps: AgentWorkDeps): Promise<void> {
  const { agent, chain, sessionId, own } = await loadBranch(ref, deps);
  if (own.some((event) => event.type === 'prompt-sent')) return;
  await deps.sessions.discard(agent.configDir, sessionId, chain);
  if (own.some((event) => event.type === 'setup-ended' && !event.result.passed)) return;
  await removePlaceOf({ runId: ref.runId, name: ref.branchId }, deps);
}
