import { type AskedChoice, choicesOf } from '../core/agent/askedChoices.ts';
import { BadInputError } from '../core/errors.ts';
import { plainText } from '../core/plainText.ts';

/**
 * The answers of `--answer QUESTION=ANSWER` by question. A question may hold a `=` itself, so the ones that were asked decide
 * where it ends; one that was not asked is kept, to be refused by its name.
 * @throws BadInputError
 */
export function answersOf(given: readonly string[], input: unknown): Record<string, string> {
  const choices = choicesOf(input);
  return Object.fromEntries(given.map((text) => answerOf(text, choices)));
}

function answerOf(text: string, choices: readonly AskedChoice[]): [string, string] {
  // What was printed is the question without what a terminal must not be shown.
  const words = choices.flatMap(({ question }) => [question, plainText(question)].map((said) => ({ said, question })));
  const found = words
    .filter(({ said }) => text.startsWith(`${said}=`))
    .sort((a, b) => b.said.length - a.said.length)[0];
  if (found !== undefined) return [found.question, text.slice(found.said.length + 1)];
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new BadInputError(`--answer ${JSON.stringify(text)} is no QUESTION=ANSWER.`, 'Write the question’s own text.');
}
