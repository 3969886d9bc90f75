import * as z from 'zod';
import type { CheckResult } from '../agent/agentFacts.ts';
import type { BlobStore } from '../blobStore.ts';
import type { ChangeSet, FileVersion } from '../changes/changes.ts';
import { changeSetOf } from '../changes/storedChanges.ts';
import type { ForkPlan } from '../fork/forkPlan.ts';
import { nameOf } from '../run/nameOf.ts';
import { type BranchChanges, runChangesSchema } from '../run/runChanges.ts';
import type { BranchView, RunView } from '../run/runView.ts';
import { comparePair, type TextDiff } from './compareBranches.ts';
import { sideOfBranch } from './compareRun.ts';
import { type ComparedPair, comparedPairSchema } from './comparison.ts';

/** A run with the plan that it carries out. */
export interface PlannedRun {
  plan: ForkPlan;
  view: RunView;
}

/** Two runs of a schedule compared: what changed, and each branch that both have with its other self. */
export const pairedRunsSchema = z.object({
  changes: runChangesSchema,
  /** `a` is the branch of the run before, `b` that of this one. */
  pairs: z.array(comparedPairSchema),
});
export type PairedRuns = z.infer<typeof pairedRunsSchema>;

interface CompareRunsDeps {
  blobs: BlobStore;
  textDiff: TextDiff;
}

/**
 * Compares a run with the one before it, branch by branch: those of the same name and repeat.
 * @throws StorageError where a reply of one of them is gone
 */
export async function compareRuns(before: PlannedRun, after: PlannedRun, deps: CompareRunsDeps): Promise<PairedRuns> {
  const keyOf = ({ name, repeat }: BranchView): string => `${repeat}/${name}`;
  const earlier = new Map(before.view.branches.map((branch) => [keyOf(branch), branch]));
  const compared = [];
  for (const branch of after.view.branches) {
    const previous = earlier.get(keyOf(branch));
    if (previous !== undefined) compared.push(await compareBranch(before, previous, after, branch, deps));
  }
  const later = new Set(after.view.branches.map(keyOf));
  return {
    changes: {
      previous: before.view.runId,
      costUsd: { before: before.view.costUsd, after: after.view.costUsd },
      branches: compared.map(({ changes }) => changes),
      onlyBefore: before.view.branches.filter((branch) => !later.has(keyOf(branch))).map(nameOf),
      onlyAfter: after.view.branches.filter((branch) => !earlier.has(keyOf(branch))).map(nameOf),
    },
    pairs: compared.map(({ pair }) => pair),
  };
}

async function compareBranch(
  before: PlannedRun,
  previous: BranchView,
  after: PlannedRun,
  branch: BranchView,
  { blobs, textDiff }: CompareRunsDeps,
): Promise<{ changes: BranchChanges; pair: ComparedPair }> {
  const [a, b] = await Promise.all([
    sideOfBranch(before.plan, previous, blobs),
    sideOfBranch(after.plan, branch, blobs),
  ]);
  // Both have the same name; a diff is to say which is which.
  const named = (side: typeof a, { view }: PlannedRun) => ({
    ...side,
    shown: { ...side.shown, name: `${view.runId}/${side.shown.name}` },
  });
  const pair = comparePair(named(a, before), named(b, after), textDiff);
  return {
    pair,
    changes: {
      branchId: branch.branchId,
      previousId: previous.branchId,
      name: b.shown.name,
      state: { before: previous.state, after: branch.state },
      costUsd: { before: previous.costUsd, after: branch.costUsd },
      similarity: pair.similarity,
      checks: changedChecks(previous.checks, branch.checks),
      files: await changedFiles(previous, branch, blobs),
    },
  };
}

/** Checks that came out otherwise, in the order in which they first stand. */
export function changedChecks(before: readonly CheckResult[], after: readonly CheckResult[]): BranchChanges['checks'] {
  const outcome = (results: readonly CheckResult[], name: string) =>
    results.findLast((result) => result.name === name)?.passed ?? null;
  const names = new Set([...before, ...after].map(({ name }) => name));
  return [...names]
    .map((name) => ({ name, before: outcome(before, name), after: outcome(after, name) }))
    .filter((check) => check.before !== check.after);
}

async function changedFiles(before: BranchView, after: BranchView, blobs: BlobStore): Promise<BranchChanges['files']> {
  if (before.changeSet === null || after.changeSet === null) return null;
  const [a, b] = await Promise.all([changeSetOf(before.changeSet, blobs), changeSetOf(after.changeSet, blobs)]);
  return differingFiles(a, b);
}

/** Files that two agents left otherwise. Where only one changed a file, the other left it as it was before. */
export function differingFiles(before: ChangeSet, after: ChangeSet): NonNullable<BranchChanges['files']> {
  const [ofBefore, ofAfter] = [before, after].map(
    ({ changes }) => new Map(changes.map((change) => [change.path, change])),
  );
  const paths = new Set([...(ofBefore?.keys() ?? []), ...(ofAfter?.keys() ?? [])]);
  return [...paths].sort().flatMap((path) => {
    const [a, b] = [ofBefore?.get(path), ofAfter?.get(path)];
    const [then, now] = [a === undefined ? b?.before : a.after, b === undefined ? a?.before : b.after];
    const status = statusOf(then ?? null, now ?? null);
    return status === null ? [] : [{ path, status }];
  });
}

function statusOf(then: FileVersion | null, now: FileVersion | null): 'added' | 'modified' | 'deleted' | null {
  if (then === null || now === null) return then === now ? null : then === null ? 'added' : 'deleted';
  return then.oid === now.oid && then.mode === now.mode ? null : 'modified';
}
