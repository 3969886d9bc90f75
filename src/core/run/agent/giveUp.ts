import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import { AgentError } from '../../errors.ts';
import { BranchLog } from '../branchLog.ts';
import type { AgentWorkDeps } from './agentWork.ts';
import { type LoadedBranch, sinceReset } from './loadBranch.ts';
import { maxTries, type Sending } from './whatToSend.ts';

/** @throws AgentError always, when the log names the calls that the last try left in doubt */
export async function giveUp(
  { own }: LoadedBranch,
  { runId, branchId }: AgentBranchRef,
  { inDoubt }: Sending,
  deps: AgentWorkDeps,
): Promise<never> {
  const tries = sinceReset(own);
  const last = tries.slice(tries.findLastIndex(({ type }) => type === 'prompt-sent'));
  if (!last.some(({ type }) => type === 'given-up')) {
    await new BranchLog({ runId, branchId }, deps).append({ type: 'given-up', inDoubt });
  }
  throw new AgentError(
    `Claude Code was lost ${maxTries} times in the middle of this prompt.`,
    'Look at the log (Forkpoint: Show Log), then run Resume: the branch’s place and session are kept.',
  );
}
