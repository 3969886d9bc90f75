import type { z } from 'zod';

const kinds: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
};

/** What is wrong, in words for the one who wrote it. What a schema says in its own words stays. */
export function ownWords(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  if (!/^(Invalid|Too (big|small))\b/.test(message)) return message;
  switch (issue.code) {
    case 'invalid_type':
      return message.endsWith('undefined')
        ? 'This is missing.'
        : `Write ${kinds[issue.expected] ?? 'something else'} here.`;
    case 'invalid_value':
      return `Write ${eitherOf(issue.values.map((value) => JSON.stringify(value)))}.`;
    case 'too_small':
      return tooSmall(issue);
    case 'too_big':
      return tooBig(issue);
    default:
      return 'This can’t be used here.';
  }
}

function tooSmall({ origin, minimum, inclusive }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'string') return 'Write a text here, or leave it out.';
  if (origin === 'array') return `Give at least ${minimum}.`;
  return inclusive === false ? `Give a number above ${minimum}.` : `Give a number from ${minimum} on.`;
}

function tooBig({ origin, maximum }: z.core.$ZodIssueTooBig): string {
  if (origin === 'string') return `It has ${maximum} characters at most.`;
  return origin === 'array' ? `Give at most ${maximum}.` : `Give a number up to ${maximum}.`;
}

function eitherOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
