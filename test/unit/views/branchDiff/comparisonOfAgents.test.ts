import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/core/agent/agentFacts.ts';
import { noUsage } from '../../../../src/core/api/usage.ts';
import type { ComparedBranch } from '../../../../src/core/compare/comparison.ts';
import { blobRefSchema } from '../../../../src/core/ids.ts';
import { comparisonHtml } from '../../../../src/views/branchDiff/comparisonHtml.ts';
import { comparisonTable } from '../../../../src/views/branchDiff/comparisonTable.ts';
import { branch, run } from '../support/runs.ts';

const check = (passed: boolean, name = 'npm test'): CheckResult => ({
  name,
  passed,
  exitCode: passed ? 0 : 1,
  ms: 1,
  output: null,
});
const side = (id: string, state = 'completed'): ComparedBranch => ({
  id,
  name: id,
  model: 'claude-opus-4-5',
  state,
  stopReason: 'end_turn',
  steps: 1,
  toolCalls: 0,
  usage: noUsage,
  costUsd: null,
  durationMs: null,
  document: '',
});
const files = [
  { path: 'src/a.ts', status: 'modified' as const, added: 12, removed: 3, binary: false },
  { path: 'src/b.ts', status: 'added' as const, added: 0, removed: 0, binary: false },
];
const changeSet = blobRefSchema.parse('a'.repeat(64));
const repeats = [true, false, true].map((passed, at) =>
  branch(`b1-${at + 1}`, { repeat: at + 1, repeats: 3, files, changeSet, checks: [check(passed)] }),
);
const terse = branch('b2-1', { name: 'terse', changeSet, checks: [check(true), check(true, 'lint')] });
const table = comparisonTable(
  run({
    executor: 'claude-code',
    branches: [...repeats, terse],
    checks: { forkPoint: [check(false)], recorded: [check(true)], problems: [] },
  }),
  {
    baseline: side('recorded', 'recorded'),
    branches: ['b1-1', 'b1-2', 'b1-3', 'b2-1'].map((id) => side(id)),
    pairs: [],
    baselineProblems: ['The recorded end could not be checked: <npm ci> failed.'],
  },
);
const column = (title: string) => {
  const at = table.columns.findIndex((candidate) => candidate.title === title);
  return table.rows.map(({ cells }) => cells[at]);
};

describe('the comparison of agents', () => {
  it('begins with the code, which is still seen where the table is narrow', () => {
    expect(table.columns.slice(0, 3).map(({ title }) => title)).toEqual(['Files', 'Checks', 'Model']);
  });

  it('has the files that each branch changed', () => {
    expect(column('Files').map((cell) => cell?.text)).toEqual([
      '–',
      '+12 −3 in 2 files',
      '+12 −3 in 2 files',
      '+12 −3 in 2 files',
      'no files changed',
    ]);
    expect(column('Files')[1]?.tooltip).toBe('src/a.ts, src/b.ts');
  });

  it('has the checks with what they were before and as recorded, and the interval of repeats', () => {
    const said = 'failed before, passed as recorded, passes in 2 of 3 (95 %: 21–94 %)';
    expect(column('Checks').map((cell) => cell?.text)).toEqual([
      'passed',
      `passed · ${said}`,
      `failed · ${said}`,
      `passed · ${said}`,
      '2 of 2 checks passed',
    ]);
    expect(column('Checks')[4]?.tooltip).toBe('npm test: failed before, passed as recorded, passes; lint: passes');
  });

  it('marks nothing as best where several are', () => {
    expect(column('Checks').every((cell) => cell?.best === null)).toBe(true);
  });

  it('leaves words where words stand', () => {
    const html = comparisonHtml(table, { runId: 'r-1', cspSource: 'x', nonce: 'n', style: 's' });
    expect(html).toContain('<td title="src/a.ts, src/b.ts">+12 −3 in 2 files</td>');
  });

  it('says what is not known of the states that branches are compared with', () => {
    const page = { runId: 'r-1', cspSource: 'x', nonce: 'n', style: 's' };
    expect(comparisonHtml(table, page)).toContain(
      '<h2>What is not known</h2>\n<ul><li>The recorded end could not be checked: &lt;npm ci&gt; failed.</li></ul>',
    );
    expect(comparisonHtml({ ...table, problems: [] }, page)).not.toContain('What is not known');
  });

  it('has neither column where the Messages API answered', () => {
    const { columns } = comparisonTable(run(), {
      baseline: side('recorded'),
      branches: [],
      pairs: [],
      baselineProblems: [],
    });
    expect(columns.map(({ title }) => title)).not.toContain('Files');
  });
});
