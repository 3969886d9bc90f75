import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/core/agent/agentFacts.ts';
import { describeChecks, intervalText, summarizeChecks, wilson } from '../../../../src/core/checks/checkSummary.ts';

function result(passed: boolean, name = 'tests'): CheckResult {
  return { name, exitCode: passed ? 0 : 1, passed, ms: 10, output: null };
}

const none = { forkPoint: [], recorded: [] };

describe('the Wilson interval', () => {
  // The last four as published: Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  it.each([
    [0, 1, 0, 0.793_451],
    [1, 1, 0.206_549, 1],
    [2, 3, 0.207_66, 0.938_51],
    [3, 3, 0.438_503, 1],
    [5, 10, 0.236_593, 0.763_407],
    [0, 10, 0, 0.277_533],
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i of %i is %f to %f', (passed, total, low, high) => {
    const interval = wilson(passed, total);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('holds the share, lies between 0 and 1, mirrors, and is everything where nothing was tried', () => {
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(1000), (total, some) => {
        const passed = some % (total + 1);
        const { low, high } = wilson(passed, total);
        const other = wilson(total - passed, total);
        expect(low >= 0 && low <= passed / total && passed / total <= high && high <= 1).toBe(true);
        expect(other.low).toBeCloseTo(1 - high, 9);
      }),
    );
  });
});

describe('checks of a row', () => {
  it('are counted by name, with what they said of the baselines', () => {
    const repeats = [[result(true), result(false, 'lint')], [result(true), result(true, 'lint')], [result(false)], []];
    const baselines = { forkPoint: [result(false)], recorded: [result(true), result(true, 'types')] };
    const summaries = summarizeChecks(repeats, baselines);
    expect(summaries.map(({ name, passed, total }) => [name, passed, total])).toEqual([
      ['tests', 2, 3],
      ['lint', 1, 2],
      ['types', 0, 0],
    ]);
    expect(summaries.map(describeChecks)).toEqual([
      'failed before, passed as recorded, passes in 2 of 3 (95 %: 21–94 %)',
      'passes in 1 of 2 (95 %: 9–91 %)',
      'passed as recorded',
    ]);
  });

  it('that ran again count once, by their last result', () => {
    const [summary] = summarizeChecks([[result(false), result(true)]], none);
    expect(summary).toMatchObject({ passed: 1, total: 1 });
  });

  it('of a single branch say whether they pass', () => {
    const said = (passed: boolean) =>
      summarizeChecks([[result(passed)]], { ...none, forkPoint: [result(true)] }).map(describeChecks);
    expect([said(true), said(false)]).toEqual([['passed before, passes'], ['passed before, fails']]);
    expect(intervalText(wilson(3, 3))).toBe('(95 %: 44–100 %)');
  });
});
