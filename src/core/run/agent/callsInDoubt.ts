import type { Doubt } from '../../agent/agentFacts.ts';
import { canonicalJson } from '../../canonicalJson.ts';
import type { BranchEvent } from '../branchEvent.ts';

/**
 * Calls that may have been carried out when an agent was lost: those without a result, but for the ones that a person was asked about
 * and never answered.
 * @param open calls without a result in the branch's session
 * @param own the branch's events
 */
export function callsInDoubt(open: readonly Doubt[], own: readonly BranchEvent[]): Doubt[] {
  const answered = new Set(own.flatMap((event) => (event.type === 'question-answered' ? [event.callId] : [])));
  const left = [...open];
  for (const event of own) {
    if (event.type !== 'question-asked' || answered.has(event.question.callId)) continue;
    const { tool, input } = event.question;
    const at = left.findIndex((call) => call.tool === tool && canonicalJson(call.input) === canonicalJson(input));
    if (at !== -1) left.splice(at, 1);
  }
  return left;
}
