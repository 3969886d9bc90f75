import { BadInputError } from '../errors.ts';
import { oneLine } from '../format.ts';
import type { Answer, Question } from './agentFacts.ts';
import { type AskedChoice, choicesOf } from './askedChoices.ts';
import { isForPerson } from './permissionPolicy.ts';

/**
 * Refuses an answer that the agent could do nothing with: Claude Code takes a question that was let through without its answer
 * for one that nobody answered, and an answer to a question that was not asked for none. Other words than those of the options are an answer.
 * @throws BadInputError that names the questions and their options
 */
export function checkAnswer(
  { callId, tool, input }: Pick<Question, 'callId' | 'tool' | 'input'>,
  answer: Answer,
): void {
  if (answer.behavior === 'deny') return;
  if (answer.scope !== 'call' && isForPerson(tool)) {
    throw new BadInputError('This is asked once in each branch, and answered there.', 'Answer it without --for.');
  }
  const given = answer.answers ?? {};
  const choices = tool === 'AskUserQuestion' ? choicesOf(input) : [];
  const strange = Object.keys(given).find((question) => !choices.some((choice) => choice.question === question));
  if (strange !== undefined) {
    const what =
      choices.length === 0 ? 'This call asks for a permission, not for an answer' : 'It has another question';
    throw refused(`The agent did not ask ${JSON.stringify(oneLine(strange, 100))}. ${what}.`, callId, choices);
  }
  const open = choices.filter(({ question }) => (given[question]?.trim() ?? '') === '');
  if (open.length > 0)
    throw refused(`The agent waits for an answer to ${open.map(named).join(' and ')}.`, callId, choices);
}

function refused(message: string, callId: string, choices: readonly AskedChoice[]): BadInputError {
  const hint =
    choices.length === 0
      ? 'Leave --answer out.'
      : `Answer each question, for example with --answer "QUESTION=ANSWER". Asked are: ${choices.map(withOptions).join(' ')}`;
  return new BadInputError(message, hint, { callId, questions: choices });
}

const named = ({ question }: AskedChoice): string => `“${oneLine(question, 100)}”`;

function withOptions(choice: AskedChoice): string {
  const options = choice.options.map(({ label }) => oneLine(label, 60)).join(', ');
  return `${named(choice)} (${choice.several ? 'any of ' : ''}${options === '' ? 'your own words' : options}).`;
}
