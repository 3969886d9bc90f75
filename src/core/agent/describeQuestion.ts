import { callSubject } from '../callTitle.ts';
import { recordOf } from '../recordOf.ts';
import type { Question } from './agentFacts.ts';

const text = (input: unknown, key: string): string | null => {
  const value = recordOf(input)[key];
  return typeof value === 'string' && value.trim() !== '' ? value : null;
};

/** The plan that is to be approved, null where the call shows none. */
export const planOf = (input: unknown): string | null => text(input, 'plan');

/**
 * What is asked for, with the plan of the call. Claude Code asks with the plan of its plan file; one that stands in the call
 * itself it leaves out, and nobody can approve what they don't see.
 * @param made the call's input as the agent made it
 */
export function withPlan(tool: string, asked: Record<string, unknown>, made: unknown): Record<string, unknown> {
  const plan = tool === 'ExitPlanMode' && planOf(asked) === null ? planOf(made) : null;
  return plan === null ? asked : { ...asked, plan };
}

/** What an agent asks for, in few words: its command, its file, its question. */
export function describeQuestion({ tool, input }: Pick<Question, 'tool' | 'input'>): string {
  if (tool === 'ExitPlanMode') {
    const plan = planOf(input);
    return plan === null ? 'approve a plan that it doesn’t show' : `approve its plan: ${plan.trim().split('\n')[0]}`;
  }
  if (tool === 'AskUserQuestion') {
    const { questions } = recordOf(input);
    const first: unknown = Array.isArray(questions) ? questions[0] : null;
    return text(first, 'question') ?? 'a question';
  }
  const subject = callSubject(input);
  if (subject === null) return tool;
  return subject.key === 'command' ? subject.text : `${tool} ${subject.text}`;
}
