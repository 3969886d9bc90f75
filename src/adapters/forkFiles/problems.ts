import type { z } from 'zod';
import { BadInputError } from '../../core/errors.ts';
import { sentence } from '../../core/format.ts';
import { ownWords } from './ownWords.ts';

/** One thing that is wrong with a fork file or a fork on the command line. */
export interface Problem {
  /** For example `branches[1].effort`; empty for the whole. */
  path: string;
  /** 1-based, null where there are no lines. */
  line: number | null;
  message: string;
}

// What zod says of a union is that nothing fits.
const unions: Readonly<Record<string, string>> = {
  at: 'Say where to cut: { turn: N }, { before: UUID } or { after: UUID }.',
  system: 'Write { append: TEXT } or { replace: TEXT }.',
  thinking: 'Write off, or { budgetTokens: N } with N from 1024.',
};

/** A validation error as problems with paths and lines. */
export function problemsOf(
  error: z.ZodError,
  lineOf: (path: readonly PropertyKey[], key?: string) => number | null,
): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        line: lineOf(issue.path, key),
        message: `There is no key ${JSON.stringify(key)} here.`,
      }));
    }
    const name = issue.path.findLast((part) => typeof part === 'string');
    const union = issue.code === 'invalid_union' ? unions[String(name)] : undefined;
    return [{ path: pathText(issue.path), line: lineOf(issue.path), message: union ?? sentence(ownWords(issue)) }];
  });
}

/** The error for a person: the first problem in the message, all of them in the details. */
export function refusal(name: string, problems: readonly Problem[]): BadInputError {
  const [first] = problems;
  const place = first?.line == null ? name : `${name}:${first.line}`;
  const path = first?.path === undefined || first.path === '' ? '' : `${first.path}: `;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new BadInputError(
    `${place}: ${path}${first?.message ?? 'It can’t be used.'}${more}`,
    'Correct it and run the command again; nothing was sent.',
    { path: first?.path ?? '', line: first?.line ?? null, problems },
  );
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}
