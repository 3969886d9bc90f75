import { describe, expect, it } from 'vitest';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { ComparedBranch, Comparison } from '../../../../src/core/compare/comparison.ts';
import { comparisonHtml } from '../../../../src/views/branchDiff/comparisonHtml.ts';
import { comparisonTable } from '../../../../src/views/branchDiff/comparisonTable.ts';
import { branch, run } from '../support/runs.ts';

const side = (id: string, over: Partial<ComparedBranch> = {}): ComparedBranch => ({
  id,
  name: id,
  model: 'claude-opus-4-5',
  state: 'completed',
  stopReason: 'end_turn',
  steps: 1,
  toolCalls: 0,
  usage: { ...noUsage, inputTokens: 18_200, outputTokens: 400 },
  costUsd: 0.03,
  durationMs: 8_000,
  document: '',
  ...over,
});
const pair = (b: string, similarity: number, summary: string | null) => ({
  a: 'recorded',
  b,
  similarity,
  firstDivergence: summary === null ? null : { step: 1, kind: 'text' as const, lineA: 3, lineB: 4, summary },
  textDiff: null,
  toolDiff: { onlyA: [], onlyB: b === 'cheaper' ? ['Bash  npm test'] : [] },
  filesDiff: null,
});
const comparison: Comparison = {
  baseline: side('recorded', { state: 'recorded', costUsd: null }),
  branches: [
    side('cheaper', { model: 'claude-haiku-4-5', costUsd: 0.01, durationMs: 2_000 }),
    side('same'),
    side('cut', { state: 'failed', costUsd: 0, durationMs: 1 }),
  ],
  pairs: [pair('cheaper', 0.62, 'Done: ↔ Finished:'), pair('same', 1, null), pair('cut', 0.1, 'Done: ↔ nothing')],
  baselineProblems: [],
};

describe('comparisonTable', () => {
  const table = comparisonTable(run({ missing: ['tool definitions'], fidelity: 'reconstructed' }), comparison);
  const row = (id: string) => table.rows.find((candidate) => candidate.id === id);

  it('has one row a branch, the recording first', () => {
    expect(table.rows.map(({ name, cells }) => [name, ...cells.map(({ text }) => text)])).toEqual([
      ['recorded', 'Opus 4.5', 'end_turn', '1', '0', '18.2k', '400', '–', '8 s', '–'],
      ['cheaper', 'Haiku 4.5', 'end_turn', '1', '0', '18.2k', '400', '$0.01', '2 s', '62 %'],
      ['same', 'Opus 4.5', 'end_turn', '1', '0', '18.2k', '400', '$0.03', '8 s', '100 %'],
      ['cut', 'Opus 4.5', 'failed', '1', '0', '18.2k', '400', '$0.00', '0.0 s', '10 %'],
    ]);
  });

  it('marks the best value of a column in words, among completed branches only', () => {
    expect(row('cheaper')?.cells.map(({ best }) => best)).toEqual([
      null,
      null,
      null,
      null,
      null,
      null,
      'lowest',
      'fastest',
      null,
    ]);
    expect(row('same')?.cells.at(-1)?.best).toBe('most');
    expect(row('cut')?.cells.every(({ best }) => best === null)).toBe(true);
  });

  it('says where each branch parts from the recording', () => {
    expect(row('cheaper')?.divergence).toEqual({
      text: 'step 1, line 4',
      line: 4,
      tooltip: 'Done: ↔ Finished:\nCalls only here: Bash npm test',
    });
    expect(row('same')?.divergence).toMatchObject({ text: 'the same as recorded', line: null });
    expect(table.summary).toBe(
      'Fork of “Fix the slugify edge cases” before “Now handle emoji” · 1 branch · reconstructed, without tool definitions',
    );
  });
});

it('the page shows every text as it is, whatever it holds', () => {
  const nasty = "\"><img src=x onerror=alert(1)><script>alert(1)</script>' onclick='x";
  const evil: Comparison = {
    baseline: side('recorded', { stopReason: nasty }),
    branches: [side('b', { name: nasty, model: nasty })],
    pairs: [pair('b', 0.5, nasty)],
    baselineProblems: [nasty],
  };
  const failed = run({
    title: nasty,
    missing: [nasty],
    branches: [branch('b', { name: nasty, error: { code: 'x', message: nasty, hint: nasty } })],
  });
  const html = comparisonHtml(comparisonTable(failed, evil), {
    runId: 'r-1',
    cspSource: 'https://csp.example',
    nonce: 'n',
    style: 'https://csp.example/x.css',
  });
  expect(html).not.toContain('<img');
  expect(html.match(/<script/g)).toHaveLength(1);
  expect(html).not.toContain("' onclick='");
  expect(html).toContain("default-src 'none'; script-src 'nonce-n'; style-src https://csp.example");
});
