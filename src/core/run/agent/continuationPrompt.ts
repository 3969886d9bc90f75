import type { Doubt } from '../../agent/agentFacts.ts';
import { oneLine } from '../../format.ts';
import type { OpenCalls } from './sortOpenCalls.ts';

/**
 * What an agent is told that was lost in the middle of a prompt: to go on, which calls may have been carried out, and which were not.
 */
export function continuationPrompt({ inDoubt, notCarriedOut }: OpenCalls): string {
  const lines = ['You were interrupted in the middle of this task. Go on where you were.'];
  if (inDoubt.length > 0) {
    lines.push('These calls were under way. Each may or may not have been carried out: look before you repeat one.');
    lines.push(...inDoubt.map(lineOf));
  }
  if (notCarriedOut.length > 0) {
    // Claude Code itself tells the agent that their outcome is unknown.
    lines.push(
      'These calls were NOT carried out: they waited for a person’s answer. Repeat one exactly as it was if you still need it.',
    );
    lines.push(...notCarriedOut.map(lineOf));
  }
  return lines.join('\n');
}

function lineOf({ tool, input }: Doubt): string {
  return `- ${tool}: ${oneLine(JSON.stringify(input), 500)}`;
}
