import { setImmediate } from 'node:timers/promises';
import type { FoundText } from '../../core/search/searchRecord.ts';
import { fileErrorCode, isAbsent } from '../fileErrors.ts';
import { type FilePiece, FileSearcher } from './fileSearcher.ts';

/** What was found in one file. */
export interface PlanResult {
  /** Position of the plan. */
  at: number;
  found: FoundText[];
  /** True where the file can't be read. */
  failed: boolean;
}

/** Results without a hit are handed over together: each handing over costs as much as a small file. */
const resultsAtOnce = 50;
/** After so long others get their turn. */
const sliceMs = 8;

/**
 * Searches files one after the other, with room for others in between.
 * @param take gives the position of the next plan; several callers may share what it gives
 * @param stopped asked in between; a file that was begun then has no result
 * @returns yields results of one or more files, those with something found at once
 */
export async function* runPlans(
  plans: readonly { file: string; pieces: readonly FilePiece[] }[],
  text: string,
  take: () => number,
  stopped: () => boolean,
): AsyncGenerator<PlanResult[], void> {
  const searcher = new FileSearcher(text);
  let since = performance.now();
  let results: PlanResult[] = [];
  for (let at = take(); ; at = take()) {
    const plan = plans[at];
    if (plan === undefined) break;
    const found: FoundText[] = [];
    let failed = false;
    try {
      for (const some of searcher.search(plan.file, plan.pieces)) {
        found.push(...some);
        if (performance.now() - since < sliceMs) continue;
        await setImmediate();
        if (stopped()) return;
        since = performance.now();
      }
    } catch (error) {
      failed = fileErrorCode(error) !== null && !isAbsent(error);
    }
    results.push({ at, found, failed });
    if (found.length === 0 && results.length < resultsAtOnce) continue;
    yield results;
    results = [];
  }
  yield results;
}
