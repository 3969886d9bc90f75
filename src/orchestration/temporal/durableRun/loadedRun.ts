import type { ForkPlan } from '../../../core/fork/forkPlan.ts';
import type { BranchId } from '../../../core/ids.ts';
import { withLimits } from '../../../core/run/runLimits.ts';
import type { RunOrder } from '../../../core/run/runOrder.ts';
import type { RunInput } from '../../../core/run/runPlan.ts';
import { sumOf } from '../../../core/run/sumOf.ts';
import type { Activities } from '../activities.ts';
import type { DurableOrder } from './durableOrder.ts';
import { type LoadOrder, type RunPage, runPageSchema } from './runPage.ts';
import type { BranchProgress } from './runProgress.ts';

/** A run as its workflow begins, or goes on, with it. */
export interface LoadedRun {
  /** Without words, and without branches that have ended in earlier executions. */
  plan: ForkPlan;
  input: RunInput;
  /** All branches of the run. */
  known: readonly BranchId[];
  /** Those that this attempt runs, those included that ended in earlier executions. */
  wanted: readonly BranchId[];
  /** What earlier attempts and executions came to, by branch id. */
  figures: Readonly<Record<string, BranchProgress>>;
  /** US dollars of the branches that this attempt does not run, null where a part is unknown. */
  othersCostUsd: number | null;
}

/** The run of an order of an older version, which holds all of it. */
export function runInOrder(order: RunOrder): LoadedRun {
  const { plan, branches, prior } = order;
  const others = Object.entries(prior).filter(([id]) => !branches.some((own) => own === id));
  const costs = others.flatMap(([, steps]) => steps.map(({ costUsd }) => costUsd));
  return {
    plan,
    input: order,
    known: plan.branches.map(({ branchId }) => branchId),
    wanted: branches,
    figures: {},
    othersCostUsd: sumOf(costs),
  };
}

/**
 * Loads the run of an order.
 * @param local loads the first page
 * @param remote loads the others: each is reported to the server on its own
 * @throws ActivityFailure
 */
export async function loadRun(order: DurableOrder, local: Activities, remote: Activities): Promise<LoadedRun> {
  const { runId, plan, branches, attempt, hasLog, cursor } = order;
  const { added = [], ended = [] } = cursor ?? {};
  const ask: LoadOrder = {
    runId,
    plan,
    added,
    branches,
    ended,
    hasLog: hasLog === true || attempt > 1 || cursor !== null,
    from: 0,
  };
  const first = runPageSchema.parse(await local.loadRun(ask));
  const rows = [...first.branches];
  for (let { next } = first; next !== null; ) {
    const page = runPageSchema.parse(await remote.loadRun({ ...ask, from: next }));
    rows.push(...page.branches);
    next = page.next;
  }
  if (first.head === null) throw new Error('The first page of a run has no head.');
  return loadedFrom(order, first.head, rows);
}

function loadedFrom(order: DurableOrder, head: NonNullable<RunPage['head']>, rows: RunPage['branches']): LoadedRun {
  const { attempt, cursor } = order;
  const branches = rows.flatMap(({ plan }) => plan ?? []);
  const plan = withLimits({ ...head.plan, branches }, cursor?.limits ?? {});
  const wanted = rows.map(({ branchId }) => branchId);
  const figures = Object.fromEntries(
    rows.flatMap(({ branchId, figures: known }) => (known === null ? [] : [[branchId, known]])),
  );
  const turnsDone = plan.agent === null ? {} : Object.fromEntries(wanted.map((id) => [id, figures[id]?.steps ?? 0]));
  return {
    plan,
    input: {
      branches: branches.map(({ branchId }) => branchId),
      prior: {},
      turnsDone,
      attempt,
      spentUsd: cursor?.spentUsd ?? head.others.spentUsd,
      ...(cursor !== null && { from: positionIn(cursor) }),
    },
    known: [...wanted, ...head.others.ids],
    wanted,
    figures,
    othersCostUsd: head.others.costUsd,
  };
}

function positionIn(cursor: NonNullable<DurableOrder['cursor']>): NonNullable<RunInput['from']> {
  const { begun, endStates, openGroups, baselinesChecked } = cursor;
  const positions = Object.entries(begun).map(([branchId, { position }]) => [branchId, position]);
  return { begun: Object.fromEntries(positions), ended: endStates, openGroups, baselinesChecked };
}
