import type { AgentTurnOutcome } from './agentWork.ts';
import { type LoadedBranch, sinceReset } from './loadBranch.ts';

/**
 * How a prompt ended whose worker was lost before it could tell the engine: it must not be sent again. Failures are tried
 * again, for the log has no words of them.
 * @param index of the prompt in the branch, 0-based
 */
export function knownEnd({ own, prompts }: LoadedBranch, index: number): AgentTurnOutcome | null {
  const turn = prompts.turns[index]?.turn;
  const since = sinceReset(own);
  const ended = since.findLast((event) => event.type === 'agent-turn-ended' && event.turn === turn);
  if (ended?.type !== 'agent-turn-ended') return null;
  const { kind, costUsd } = ended;
  if (kind === 'max_turns' || kind === 'budget') return { kind, stopReason: kind, error: null, costUsd };
  if (kind !== 'completed') return null;
  const last = since.findLast((event) => event.type === 'step-completed' && event.result.turn === turn);
  const stopReason = last?.type === 'step-completed' ? last.result.stopReason : null;
  return { kind, stopReason, error: null, costUsd };
}
