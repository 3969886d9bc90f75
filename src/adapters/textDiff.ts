import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from 'diff';
import type { TextDiff } from '../core/compare/compareBranches.ts';

/** Time after which two texts that are too different are given up. */
const timeoutMs = 2_000;

/** Diffs by line, as `diff -u` does. */
export const textDiff: TextDiff = (a, b, names) => {
  const patch = structuredPatch(names.a, names.b, a, b, undefined, undefined, { context: 3, timeout: timeoutMs });
  if (patch === undefined) return { patch: null, commonLines: null };
  const removed = patch.hunks.flatMap((hunk) => hunk.lines).filter((line) => line.startsWith('-')).length;
  return { patch: formatPatch(patch, FILE_HEADERS_ONLY), commonLines: countLines(a) - removed };
};

function countLines(text: string): number {
  if (text === '') return 0;
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
