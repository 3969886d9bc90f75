import type { Question } from '../core/agent/agentFacts.ts';
import { choicesOf } from '../core/agent/askedChoices.ts';
import { describeQuestion, planOf } from '../core/agent/describeQuestion.ts';
import { oneLine, plural } from '../core/format.ts';
import { plainText } from '../core/plainText.ts';
import { shellWord } from './shellWord.ts';

const shownPlanLines = 60;

/** What an agent asks, with what a person needs to answer it: options, the plan, the commands. @param branchId of the branch that asks */
export function questionLines(question: Question, { runId, branchId }: { runId: string; branchId: string }): string[] {
  const { callId, tool, input } = question;
  const call = `${runId} ${branchId} ${callId}`;
  const choices = tool === 'AskUserQuestion' ? choicesOf(input) : [];
  if (choices.length === 0) {
    const plan = tool === 'ExitPlanMode' ? planOf(input) : null;
    const about = plan === null ? `asks: ${oneLine(describeQuestion(question), 160)}` : 'asks: approve its plan';
    return [about, ...planLines(plan), `  forkpoint approve|deny ${call}`];
  }
  const answers = choices.map(({ question: text, options }) => {
    const word = shellWord(`${plainText(text)}=${plainText(options[0]?.label ?? 'ANSWER')}`);
    return ` --answer ${word}`;
  });
  return [
    ...choices.flatMap(({ question: text, several, options }) => [
      `asks: ${oneLine(text, 160)}${several ? ' (several are fine, with commas)' : ''}`,
      ...options.map(
        ({ label, description }) =>
          `    ${oneLine(label, 60)}${description === '' ? '' : ` · ${oneLine(description, 120)}`}`,
      ),
    ]),
    `  forkpoint approve ${call}${answers.join('')}`,
    `  forkpoint deny ${call}`,
  ];
}

function planLines(plan: string | null): string[] {
  const lines = plan === null ? [] : plan.trimEnd().split('\n');
  const rest = lines.length - shownPlanLines;
  const shown = lines.slice(0, shownPlanLines).map((line) => `    ${plainText(line)}`);
  return rest > 0 ? [...shown, `    … ${plural(rest, 'more line')}: forkpoint questions --json`] : shown;
}
