import type { BaselineProblem, CheckResult } from '../agent/agentFacts.ts';
import { groupBy } from '../groupBy.ts';

/** A share with the range that it may really have, each between 0 and 1. */
export interface ShareInterval {
  low: number;
  high: number;
}

// Two-sided 95 % of the normal distribution.
const z = 1.959963984540054;

/**
 * The 95 % Wilson interval of a share: what `passed` of `total` says of a thing that is tried ever again. Right for few tries too,
 * where a plain percentage with its deviation is not.
 */
export function wilson(passed: number, total: number): ShareInterval {
  if (total === 0) return { low: 0, high: 1 };
  const share = passed / total;
  const middle = share + z ** 2 / (2 * total);
  const half = z * Math.sqrt((share * (1 - share)) / total + z ** 2 / (4 * total ** 2));
  const scale = 1 + z ** 2 / total;
  // At the ends the exact limits are 0 and 1; rounding must not miss them.
  return {
    low: passed === 0 ? 0 : (middle - half) / scale,
    high: passed === total ? 1 : (middle + half) / scale,
  };
}

/** How often a check passed in the repeats of a row. */
export interface CheckSummary {
  name: string;
  /** On the files as they were at the fork point, null where it did not run there. */
  forkPoint: CheckResult | null;
  /** After the recorded course. */
  recorded: CheckResult | null;
  passed: number;
  total: number;
  /** 95 %. */
  interval: ShareInterval;
}

/**
 * Sums up the checks of a row.
 * @param repeats results of each repeat that has any
 * @returns one for each check, in the order in which they first stand
 */
export function summarizeChecks(
  repeats: readonly (readonly CheckResult[])[],
  baselines: { forkPoint: readonly CheckResult[]; recorded: readonly CheckResult[] },
): CheckSummary[] {
  const named = (results: readonly CheckResult[], name: string) =>
    results.findLast((result) => result.name === name) ?? null;
  const byName = groupBy(
    repeats.flatMap((results) => [...new Map(results.map((result) => [result.name, result])).values()]),
    ({ name }) => name,
  );
  const names = new Set([
    ...byName.keys(),
    ...baselines.forkPoint.map(({ name }) => name),
    ...baselines.recorded.map(({ name }) => name),
  ]);
  return [...names].map((name) => {
    const results = byName.get(name) ?? [];
    const passed = results.filter((result) => result.passed).length;
    return {
      name,
      forkPoint: named(baselines.forkPoint, name),
      recorded: named(baselines.recorded, name),
      passed,
      total: results.length,
      interval: wilson(passed, results.length),
    };
  });
}

/** `fork point could not be prepared: …` */
export function describeProblem({ state, reason }: BaselineProblem): string {
  return `${state === 'recorded' ? 'recorded end' : 'fork point'} could not be prepared: ${reason}`;
}

function percent(share: number): string {
  return String(Math.round(share * 100));
}

/** `(95 %: 21–94 %)` */
export function intervalText({ low, high }: ShareInterval): string {
  return `(95 %: ${percent(low)}–${percent(high)} %)`;
}

/**
 * In words: `failed before, passed as recorded, passes in 2 of 3 (95 %: 21–94 %)`. What did not run is left out; empty where
 * nothing did.
 */
export function describeChecks({ forkPoint, recorded, passed, total, interval }: Omit<CheckSummary, 'name'>): string {
  const verdict = (result: CheckResult) => (result.passed ? 'passed' : 'failed');
  const parts: string[] = [];
  if (forkPoint !== null) parts.push(`${verdict(forkPoint)} before`);
  if (recorded !== null) parts.push(`${verdict(recorded)} as recorded`);
  if (total === 1) parts.push(passed === 1 ? 'passes' : 'fails');
  if (total > 1) parts.push(`passes in ${passed} of ${total} ${intervalText(interval)}`);
  return parts.join(', ');
}
