import type { Question } from '../../core/agent/agentFacts.ts';
import { choicesOf } from '../../core/agent/askedChoices.ts';
import { describeQuestion } from '../../core/agent/describeQuestion.ts';
import { oneLine } from '../../core/format.ts';
import { plainText } from '../../core/plainText.ts';
import { recordOf } from '../../core/recordOf.ts';
import type { QuestionView } from './protocol.ts';

/** What of a question is shown; the whole input stands in the run's log. */
const maxLines = 400;
const longestText = 20_000;

type Line = QuestionView['lines'][number];

/** A question of an agent as the panel shows it. */
export function questionView({ callId, tool, input, reason }: Question): QuestionView {
  const fields = recordOf(input);
  const kind = tool === 'AskUserQuestion' ? 'choices' : tool === 'ExitPlanMode' ? 'plan' : 'permission';
  return {
    callId,
    title: oneLine(describeQuestion({ tool, input }), 160),
    kind,
    tool: oneLine(tool, 60),
    reason: reason === null ? null : oneLine(reason, 300),
    lines: kind === 'choices' ? [] : clipped(linesOf(tool, fields)),
    choices: kind === 'choices' ? choiceViews(input) : [],
  };
}

function linesOf(tool: string, fields: Readonly<Record<string, unknown>>): Line[] {
  const text = (key: string): string | null => {
    const value = fields[key];
    return typeof value === 'string' ? plainText(value.slice(0, longestText)) : null;
  };
  const command = text('command');
  if (command !== null) return lines('same', command);
  const plan = tool === 'ExitPlanMode' ? text('plan') : null;
  if (plan !== null) return lines('same', plan);
  const [before, after, content] = [text('old_string'), text('new_string'), text('content')];
  if (before !== null && after !== null) return edited(before, after);
  if (tool === 'Write' && content !== null) return lines('added', content);
  const rest = Object.entries(fields);
  return rest.length === 0 ? [] : lines('same', plainText(JSON.stringify(fields, null, 2).slice(0, longestText)));
}

/** Lines that both texts begin and end with stay; what lies between is taken out and put in. */
function edited(before: string, after: string): Line[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const shared = Math.min(old.length, now.length);
  let start = 0;
  while (start < shared && old[start] === now[start]) start++;
  let end = 0;
  while (end < shared - start && old.at(-1 - end) === now.at(-1 - end)) end++;
  const line = (kind: Line['kind']) => (text: string) => ({ kind, text });
  return [
    ...old.slice(0, start).map(line('same')),
    ...old.slice(start, old.length - end).map(line('removed')),
    ...now.slice(start, now.length - end).map(line('added')),
    ...old.slice(old.length - end).map(line('same')),
  ];
}

function lines(kind: Line['kind'], text: string): Line[] {
  return text.split('\n').map((line) => ({ kind, text: line }));
}

function clipped(all: Line[]): Line[] {
  if (all.length <= maxLines) return all;
  return [...all.slice(0, maxLines), { kind: 'same', text: `… ${all.length - maxLines} more lines` }];
}

function choiceViews(input: unknown): QuestionView['choices'] {
  return choicesOf(input)
    .slice(0, 20)
    .map(({ question, header, several, options }) => ({
      // The answer names the question by its text, so that must come back as it was.
      question,
      text: plainText(question),
      header: oneLine(header, 60),
      several,
      options: options.slice(0, 50).map((option) => ({ ...option, text: oneLine(option.label, 200) })),
    }));
}
