import { callTitle } from '../callTitle.ts';
import type { ComparedBranch, ComparedPair, Divergence } from './comparison.ts';
import type { Trajectory } from './trajectory.ts';
import type { DocumentLine } from './trajectoryLines.ts';

/** Diffs two texts by line. `patch` is null where they were too different or too large to diff in time. */
export type TextDiff = (
  a: string,
  b: string,
  names: { a: string; b: string },
) => {
  /** Unified diff. */
  patch: string | null;
  /** Lines that both have, in order; null with `patch`. */
  commonLines: number | null;
};

/** A side of a comparison with the course behind its document. */
export interface ComparedSide {
  shown: ComparedBranch;
  /** The lines of the document. */
  lines: readonly DocumentLine[];
  trajectory: Trajectory;
  projectPath: string | null;
}

/** What differs between two courses. @param filesDiff what differs between the files that they led to, where that is known */
export function comparePair(
  a: ComparedSide,
  b: ComparedSide,
  textDiff: TextDiff,
  filesDiff: ComparedPair['filesDiff'] = null,
): ComparedPair {
  const equal = a.shown.document === b.shown.document;
  const diff = equal
    ? { patch: '', commonLines: lineCount(a.shown.document) }
    : textDiff(a.shown.document, b.shown.document, { a: a.shown.name, b: b.shown.name });
  const lines = lineCount(a.shown.document) + lineCount(b.shown.document);
  const common = diff.commonLines ?? commonLinesInAnyOrder(a.shown.document, b.shown.document);
  return {
    a: a.shown.id,
    b: b.shown.id,
    similarity: lines === 0 ? 1 : (2 * common) / lines,
    firstDivergence: equal ? null : firstDivergence(a.lines, b.lines),
    textDiff: diff.patch,
    toolDiff: toolDiff(a, b),
    filesDiff,
  };
}

const linesOf = (document: string) => document.replace(/\n$/, '').split('\n');
const lineCount = (document: string) => (document === '' ? 0 : linesOf(document).length);

/** Upper bound of the lines in common, for texts that could not be diffed in time. */
function commonLinesInAnyOrder(a: string, b: string): number {
  const counts = new Map<string, number>();
  for (const line of linesOf(a)) counts.set(line, (counts.get(line) ?? 0) + 1);
  let common = 0;
  for (const line of linesOf(b)) {
    const left = counts.get(line) ?? 0;
    if (left > 0) {
      counts.set(line, left - 1);
      common++;
    }
  }
  return common;
}

/** The first line in which two different documents part, and what stands there. */
export function firstDivergence(a: readonly DocumentLine[], b: readonly DocumentLine[]): Divergence {
  let index = 0;
  while (index < a.length && index < b.length && a[index]?.text === b[index]?.text) index++;
  const [lineA, lineB] = [a[index], b[index]];
  const parts = [lineA?.part, lineB?.part];
  const isEnd = parts.every((part) => part === 'end');
  const short = (text = '') => (text.length > 100 ? `${text.slice(0, 99)}…` : text || 'nothing');
  return {
    step: Math.max(1, a.slice(0, index).filter(({ part }) => part === 'step').length),
    kind: isEnd ? 'end' : parts.includes('tool') ? 'tool' : 'text',
    lineA: Math.min(index + 1, a.length),
    lineB: Math.min(index + 1, b.length),
    summary: `${short(lineA?.text)} ↔ ${short(lineB?.text)}`,
  };
}

function toolDiff(a: ComparedSide, b: ComparedSide): ComparedPair['toolDiff'] {
  const titles = (side: ComparedSide) =>
    side.trajectory.steps.flatMap((step) => step.calls.map((call) => callTitle(call, side.projectPath)));
  const without = (from: string[], taken: string[]) => {
    const left = [...taken];
    return from.filter((title) => {
      const at = left.indexOf(title);
      if (at >= 0) left.splice(at, 1);
      return at < 0;
    });
  };
  const [ofA, ofB] = [titles(a), titles(b)];
  return { onlyA: without(ofA, ofB), onlyB: without(ofB, ofA) };
}
