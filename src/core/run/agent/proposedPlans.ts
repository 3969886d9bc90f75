import type { Question } from '../../agent/agentFacts.ts';
import { planOf } from '../../agent/describeQuestion.ts';
import type { StoredReply } from '../../api/storedReply.ts';
import { toolUses } from '../advance.ts';

/**
 * The plans that an agent put into its calls. Claude Code asks with the plan of its plan file; one that stands in the call
 * itself it leaves out, and nobody approves what they can't read.
 */
export class ProposedPlans {
  readonly #plans = new Map<string, string>();

  note({ content }: StoredReply): void {
    for (const { id, name, input } of toolUses(content)) {
      const plan = name === 'ExitPlanMode' ? planOf(input) : null;
      if (plan !== null) this.#plans.set(id, plan);
    }
  }

  /** The question with the plan that is to be approved, as far as one was shown. */
  shownIn(question: Question): Question {
    const { callId, tool, input } = question;
    const plan = this.#plans.get(callId);
    if (tool !== 'ExitPlanMode' || plan === undefined || planOf(input) !== null) return question;
    return { ...question, input: { ...(input !== null && typeof input === 'object' ? input : {}), plan } };
  }
}
