import pc from 'picocolors';
import { expect, it } from 'vitest';
import { comparisonMarkdown } from '../../../src/cli/exportRun.ts';
import { comparisonText } from '../../../src/cli/runReport.ts';
import { noUsage } from '../../../src/core/api/usage.ts';
import type { Comparison } from '../../../src/core/compare/comparison.ts';

const side = (id: string) => ({
  id,
  name: id,
  model: null,
  state: 'completed',
  stopReason: 'end_turn',
  steps: 1,
  toolCalls: 0,
  usage: noUsage,
  costUsd: null,
  durationMs: null,
  document: '',
});
const comparison = (baselineProblems: string[]): Comparison => ({
  baseline: side('recorded'),
  branches: [side('terse')],
  pairs: [
    {
      a: 'recorded',
      b: 'terse',
      similarity: 1,
      firstDivergence: null,
      textDiff: '',
      toolDiff: { onlyA: [], onlyB: [] },
      filesDiff: null,
    },
  ],
  baselineProblems,
});
const text = (problems: string[]) =>
  comparisonText(comparison(problems), pc.createColors(false), { maxLines: 10, more: 'more' });
const problem = 'The fork point could not be checked: `npm ci` | failed.';

it('a comparison says first what is not known of its baselines', () => {
  expect(text([problem, 'Another.']).split('\n')).toEqual([
    problem,
    'Another.',
    '',
    'recorded ↔ terse · 100 % alike · no difference',
  ]);
  expect(text([])).toBe('recorded ↔ terse · 100 % alike · no difference');
});

it('so does its Markdown, below the table', () => {
  const lines = comparisonMarkdown(comparison([problem])).split('\n');
  expect(lines.slice(-2)).toEqual(['', expect.stringContaining('- The fork point could not be checked: ')]);
  expect(lines.at(-1)).toContain('\\|');
  expect(comparisonMarkdown(comparison([])).split('\n')).toHaveLength(4);
});
