import type { AgentWork } from '../../src/core/run/agent/agentWork.ts';
import type { AgentBranchPorts } from '../../src/core/run/agent/runAgentBranch.ts';

/** For engines of tests in which the Messages API answers. */
export function noAgents(): Promise<AgentWork> {
  return Promise.reject(new Error('No agent is expected to work in this test.'));
}

const never = (): Promise<never> => Promise.reject(new Error('No agent is expected to work in this test.'));

/** The same as ports of the branch loop. */
export const noAgentPorts: AgentBranchPorts = {
  prepare: never,
  turn: never,
  waitUntil: never,
  finish: never,
  discard: never,
};
