import type { BlobStore } from '../../core/blobStore.ts';
import { BadInputError } from '../../core/errors.ts';
import { branchPlanSchema, type ForkPlan, forkPlanSchema } from '../../core/fork/forkPlan.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import type { StepResult } from '../../core/run/branchOutcome.ts';
import { completedSteps, completedTurns, foldRun } from '../../core/run/foldRun.ts';
import type { RunStore } from '../../core/run/ports.ts';
import { withoutBranchWords, withoutWords } from '../../core/run/runOrder.ts';
import type { BranchView } from '../../core/run/runView.ts';
import { sumOf } from '../../core/run/sumOf.ts';
import type { LoadOrder, RunPage } from './durableRun/runPage.ts';
import type { BranchProgress } from './durableRun/runProgress.ts';

/** The server takes payloads of 2 MB, and encryption makes them larger by a third. */
const pageBytes = 700_000;

interface Stores {
  blobs: Pick<BlobStore, 'get'>;
  runs: Pick<RunStore, 'events'>;
}

/**
 * What a workflow needs of a run, without words. The plan is that of the dispatch, whose content is its address: what came since
 * stands in the order.
 * @throws StorageError; NotFoundError where the run was deleted; BadInputError where the plan is another run's
 */
export async function loadRunPage(order: LoadOrder, { blobs, runs }: Stores): Promise<RunPage> {
  const plan = await planOf(order, blobs);
  const wanted = wantedOf(order, plan);
  const events = order.hasLog ? await runs.events(order.runId) : [];
  const views = order.hasLog ? new Map(foldRun(plan, events).branches.map((view) => [view.branchId, view])) : null;
  const turns = completedTurns(events);
  const ended = new Set(order.ended);
  const rows = plan.branches.filter(({ branchId }) => wanted.has(branchId));
  const branches: RunPage['branches'] = [];
  let bytes = 0;
  let index = order.from;
  for (; index < rows.length && bytes < pageBytes; index += 1) {
    const branch = rows[index];
    if (branch === undefined) break;
    const { branchId } = branch;
    const view = views?.get(branchId);
    const figures = view === undefined ? null : figuresOf(view, plan.agent === null ? null : (turns[branchId] ?? 0));
    const row = { branchId, plan: ended.has(branchId) ? null : withoutBranchWords(branch), figures };
    branches.push(row);
    bytes += JSON.stringify(row).length;
  }
  const { branches: all, ...head } = withoutWords(plan);
  const others = all.filter(({ branchId }) => !wanted.has(branchId)).map(({ branchId }) => branchId);
  return {
    head: order.from === 0 ? { plan: head, others: costsOf(others, views) } : null,
    branches,
    next: index < rows.length ? index : null,
  };
}

/** Steps that a branch has completed, as the log tells them. @throws NotFoundError where the run was deleted */
export async function completedStepsOf(
  { runId, branchId }: { runId: RunId; branchId: BranchId },
  { runs }: { runs: Pick<RunStore, 'events' | 'plan'> },
): Promise<StepResult[]> {
  return completedSteps(foldRun(await runs.plan(runId), await runs.events(runId)))[branchId] ?? [];
}

async function planOf({ plan: ref, runId, added }: LoadOrder, blobs: Stores['blobs']): Promise<ForkPlan> {
  const plan = forkPlanSchema.parse(await blobs.get(ref));
  if (plan.runId !== runId) {
    throw new BadInputError(`Plan ${ref} is not one of run ${runId}.`, 'Dispatch the fork again.');
  }
  const more = await Promise.all(added.map(async ({ branch }) => branchPlanSchema.parse(await blobs.get(branch))));
  return { ...plan, branches: [...plan.branches, ...more] };
}

function wantedOf({ branches, added }: LoadOrder, plan: ForkPlan): ReadonlySet<BranchId> {
  return new Set([
    ...(branches ?? plan.branches.map(({ branchId }) => branchId)),
    ...added.map(({ branchId }) => branchId),
  ]);
}

function costsOf(ids: BranchId[], views: ReadonlyMap<BranchId, BranchView> | null) {
  const steps = ids.flatMap((id) => views?.get(id)?.results ?? []);
  const costs = ids.map((id) => views?.get(id)?.costUsd ?? null);
  return {
    ids,
    costUsd: sumOf(costs),
    spentUsd: steps.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0),
  };
}

/** @param turns prompts that an agent is through with, null where the Messages API answers */
function figuresOf({ state, steps, usage, costUsd }: BranchView, turns: number | null): BranchProgress {
  const isEnd = state === 'completed' || state === 'failed' || state === 'cancelled';
  return {
    state: isEnd ? state : 'pending',
    steps: turns ?? steps,
    inputTokens: turns === null ? usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens : null,
    outputTokens: turns === null ? usage.outputTokens : null,
    costUsd,
    waitsFor: isEnd ? null : 'start',
  };
}
