import { plainText } from '../plainText.ts';
import type { TextMatcher } from './textMatcher.ts';

/** Characters of context. */
const before = 48;
const after = 120;

function inOneLine(text: string): string {
  return plainText(text).replaceAll(/\s+/g, ' ');
}

/** A line of a text around a match, made inert. @param at where the match begins */
export function snippetOf(
  text: string,
  at: number,
  matcher: TextMatcher,
): { snippet: string; ranges: [number, number][] } {
  const end = at + matcher.text.length;
  const start = Math.max(0, at - before);
  const head = (start > 0 ? '…' : '') + inOneLine(text.slice(start, at)).trimStart();
  const match = inOneLine(text.slice(at, end));
  const rest = inOneLine(text.slice(end, end + after)).trimEnd() + (text.length > end + after ? '…' : '');
  const snippet = head + match + rest;
  const ranges: [number, number][] = [[head.length, head.length + match.length]];
  for (let next = head.length + match.length; ; ) {
    const found = matcher.indexIn(snippet, next);
    if (found < 0) return { snippet, ranges };
    next = found + matcher.text.length;
    ranges.push([found, next]);
  }
}
