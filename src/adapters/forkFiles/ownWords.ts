import type { z } from 'zod';
import { listed } from '../../core/format.ts';

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
      return `Write ${listed(
        issue.values.map((value) => JSON.stringify(value)),
        'or',
      )}.`;
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
