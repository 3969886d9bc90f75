import { agentEnvironment } from '../../core/agent/agentEnvironment.ts';
import { agentFlags } from '../../core/agent/agentFlags.ts';
import type { AgentProgram, AgentTurnOrder } from '../../core/agent/agentPorts.ts';
import { allowRuleFlags } from '../../core/agent/allowRuleFlags.ts';
import { guardFlags } from '../../core/agent/guardFlags.ts';
import { configEnvironment } from './configEnvironment.ts';
import { type ProgramTimes, RunningAgent } from './runningAgent.ts';
import { sessionCost } from './sessionCost.ts';

export interface AgentProgramOptions {
  /** What the program inherits. Default: this process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  times?: Partial<ProgramTimes>;
}

const defaultTimes: ProgramTimes = {
  interruptMs: 400,
  terminateMs: 450,
  leaveMs: 5_000,
  followMs: 2_000,
  shellsMs: 30_000,
};

/** The user's own Claude Code: one process for each prompt, spoken to over its stream protocol. */
export function createAgentProgram({ env = process.env, times }: AgentProgramOptions = {}): AgentProgram {
  return {
    async turn(order, options) {
      options.signal.throwIfAborted();
      const costBefore = order.resume ? await sessionCost(order.configDir, order.sessionId) : 0;
      options.signal.throwIfAborted();
      const { command, environment } = commandOf(order, env);
      const started = order.place.spawn(command, { env: environment });
      return new RunningAgent(started, order, options, { ...defaultTimes, ...times }, costBefore).run();
    },
  };
}

function commandOf(order: AgentTurnOrder, env: Readonly<Record<string, string | undefined>>) {
  const { version, chain, permissions, branch, maxTurns, budgetUsd, sessionId, resume, place } = order;
  const flags = agentFlags({
    version,
    recordedTools: chain.tools,
    permissionMode: chain.permissionMode,
    permissions,
    branch,
    maxTurns,
    budgetUsd,
    sessionId,
    resume,
    title: order.title ?? null,
    resumeAt: order.resumeAt ?? null,
  });
  return {
    command: [order.program, ...flags.args, ...allowRuleFlags(order.allowRules), ...guardFlags(place)],
    environment: agentEnvironment(configEnvironment(env, order.configDir), { ...flags.env, ...order.env }),
  };
}
