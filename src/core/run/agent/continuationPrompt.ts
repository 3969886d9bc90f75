import type { Doubt } from '../../agent/agentFacts.ts';
import { oneLine } from '../../format.ts';

/**
 * What an agent is told that was lost in the middle of a prompt: to go on, and which calls may have been carried out.
 */
export function continuationPrompt(inDoubt: readonly Doubt[]): string {
  const go = 'You were interrupted in the middle of this task. Go on where you were.';
  if (inDoubt.length === 0) return go;
  const calls = inDoubt.map(({ tool, input }) => `- ${tool}: ${oneLine(JSON.stringify(input), 500)}`);
  return [
    go,
    'These calls were under way. Each may or may not have been carried out: look before you repeat one.',
    ...calls,
  ].join('\n');
}
