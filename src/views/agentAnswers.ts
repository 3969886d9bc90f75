import type { FoundAgent } from '../core/agent/agentPorts.ts';
import type { CheckSpec, Executor, PermissionPolicy, PlaceChoice } from '../core/agent/agentSettings.ts';
import type { RunSettings } from '../core/fork/forkRequest.ts';
import type { AgentDefaults } from './agentDefaults.ts';
import type { RunChoices } from './runChoices.ts';

/** Who answers, and what agents begin with, as the quick picks ask for it. */
export interface AgentAnswers {
  executor: Executor;
  files: string;
  permissions: PermissionPolicy;
  place: PlaceChoice;
  checks: CheckSpec[];
  setup: string[];
}

/** What the steps begin with. @param demo the offline demo model answers: an agent is to be asked for there */
export function firstAnswers(
  agent: FoundAgent | null,
  choices: RunChoices,
  { permissions, checks, setup }: AgentDefaults,
  demo: boolean,
): AgentAnswers {
  const wanted = choices.executor ?? (demo ? 'api' : 'claude-code');
  return { executor: agent === null ? 'api' : wanted, files: 'turn', permissions, place: 'auto', checks, setup };
}

/** The part of a request that the answers and the settings make. */
export function agentSettings(
  { executor, files, permissions, place, checks, setup }: AgentAnswers,
  defaults: AgentDefaults,
): Partial<RunSettings> {
  if (executor === 'api') return { executor };
  const { teardown, include, concurrency } = defaults;
  return { executor, files, permissions, place, checks, setup, teardown, include, concurrency };
}
