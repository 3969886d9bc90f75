import type { Doubt } from '../../agent/agentFacts.ts';
import { canonicalJson } from '../../canonicalJson.ts';
import type { BranchEvent } from '../branchEvent.ts';

/** What is known of the calls that were open when an agent was lost. */
export interface OpenCalls {
  /** They may have been carried out. */
  inDoubt: Doubt[];
  /** A person was asked, and no answer reached the agent. */
  notCarriedOut: Doubt[];
}

/**
 * Tells the calls that may have been carried out from those that waited for a person.
 * @param open calls without a result in the branch's session
 * @param own the branch's events
 */
export function sortOpenCalls(open: readonly Doubt[], own: readonly BranchEvent[]): OpenCalls {
  const passedOn = new Set(own.flatMap((event) => (wasPassedOn(event) ? [event.callId] : [])));
  const inDoubt = [...open];
  const notCarriedOut: Doubt[] = [];
  for (const event of own) {
    if (event.type !== 'question-asked' || passedOn.has(event.question.callId)) continue;
    const at = inDoubt.findIndex((call) => isSameCall(call, event.question));
    if (at !== -1) notCarriedOut.push(...inDoubt.splice(at, 1));
  }
  return { inDoubt, notCarriedOut };
}

/** Do both call the same tool with the same input? */
export function isSameCall(one: Doubt, other: Doubt): boolean {
  return one.tool === other.tool && canonicalJson(one.input) === canonicalJson(other.input);
}

/** Was the question left to Claude Code, which may have carried out its call? */
function wasPassedOn(
  event: BranchEvent,
): event is Extract<BranchEvent, { type: 'question-answered' | 'question-withdrawn' }> {
  return event.type === 'question-answered' || (event.type === 'question-withdrawn' && event.wentOn === true);
}
