import type { AgentBranchRef } from '../../agent/agentPorts.ts';
import type { BranchEvent } from '../branchEvent.ts';
import type { RunStore } from '../ports.ts';

/** Whether a branch was ever ready for its agent, by the log: it has a place, and its set-up commands passed there. */
export async function isPrepared(
  { runId, branchId }: AgentBranchRef,
  runs: Pick<RunStore, 'plan' | 'events'>,
): Promise<boolean> {
  const [plan, events] = await Promise.all([runs.plan(runId), runs.events(runId)]);
  const own = events.filter((event) => 'branchId' in event && event.branchId === branchId);
  const readyAt = own.findLastIndex((event) => event.type === 'place-ready');
  if (readyAt === -1) return false;
  const passed = passedSetup(own.slice(readyAt));
  return plan.agent?.setup.every((command) => passed.has(command)) ?? false;
}

/** Set-up commands that went well. */
export function passedSetup(events: readonly BranchEvent[]): ReadonlySet<string> {
  return new Set(
    events.flatMap((event) => (event.type === 'setup-ended' && event.result.passed ? [event.result.name] : [])),
  );
}
