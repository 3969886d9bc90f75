import { Context } from '@temporalio/activity';
import type { BlobStore } from '../../../core/blobStore.ts';
import type { Clock } from '../../../core/clock.ts';
import { ForkpointError, NotFoundError, StorageError } from '../../../core/errors.ts';
import { type ForkPlan, forkPlanSchema } from '../../../core/fork/forkPlan.ts';
import type { Asked } from '../../../core/fork/forkRequest.ts';
import { type RunId, runIdSchema } from '../../../core/ids.ts';
import type { RunStore } from '../../../core/run/ports.ts';
import { timeouts } from '../../../core/run/retryPolicies.ts';
import { failureOf } from '../../../core/run/runPlan.ts';
import type { Sha256 } from '../../../core/sha256.ts';
import type { ForkService } from '../../../core/useCases/forkService.ts';
import { scheduledRunId } from '../../../core/useCases/scheduledRunId.ts';
import { type ScheduleOrder, scheduleOrderSchema } from '../../../core/useCases/schedules.ts';
import { withoutWords } from '../activityFailures.ts';
import { describedIn } from '../describeRun.ts';
import { durableOrderOf } from '../durableOrderOf.ts';
import {
  attributesSchema,
  type PreparedRun,
  type PrepareOrder,
  prepareOrderSchema,
} from '../durableRun/scheduledOrder.ts';
import { projectHash } from '../projectHash.ts';
import { registerSearchAttributes, searchAttributesOf } from '../searchAttributes.ts';

/** What the workflow of a schedule asks for. */
export interface ScheduleActivities {
  /** Plans and stores the run of an item. Where it can't be planned, the run is there all the same, and says why. */
  prepareScheduled(order: PrepareOrder): Promise<PreparedRun>;
  /** Compares a run that has ended with the one before it, and writes that into its log. */
  compareScheduled(runId: RunId): Promise<void>;
}

export interface ScheduleActivityDeps {
  runs: RunStore;
  blobs: BlobStore;
  clock: Clock;
  sha256: Sha256;
  forks: Pick<ForkService, 'comparePrevious'>;
  /** Plans as the process did that made the schedule. */
  plan: (order: ScheduleOrder, asked: Asked, runId: RunId) => Promise<ForkPlan>;
}

/** The activities on the given ports. */
export function createScheduleActivities(deps: ScheduleActivityDeps): ScheduleActivities {
  const activities: ScheduleActivities = {
    prepareScheduled: (order) => heartbeating(() => prepare(prepareOrderSchema.parse(order), deps)),
    compareScheduled: (runId) => heartbeating(() => compare(runIdSchema.parse(runId), deps)),
  };
  return withoutWords(activities, deps.blobs);
}

/** So that another worker soon gets what a lost one had begun. */
async function heartbeating<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const heart = setInterval(() => context.heartbeat(), timeouts.modelHeartbeat / 10);
  try {
    return await work();
  } finally {
    clearInterval(heart);
  }
}

async function compare(runId: RunId, deps: ScheduleActivityDeps): Promise<void> {
  const paired = await deps.forks.comparePrevious(runId);
  if (paired === null) return;
  const comparison = await deps.blobs.put(paired);
  const { changes } = paired;
  await deps.runs.append({ type: 'previous-compared', runId, at: nowOf(deps), changes, comparison });
}

async function prepare(given: PrepareOrder, deps: ScheduleActivityDeps): Promise<PreparedRun> {
  const { runs, blobs, sha256 } = deps;
  const runId = scheduledRunId(given.firing, given.index, sha256);
  const known = await ifThere(runs.plan(runId));
  // Handed out again, it finds what it made before.
  const plan = known ?? (await makeRun(given, runId, deps));
  const events = await runs.events(runId);
  if (events.some(({ type }) => type === 'run-ended')) return { runId, start: null };
  const { client, info } = Context.current();
  const { namespace } = info;
  const searchable = await registerSearchAttributes(client, namespace);
  const { memo, staticSummary } = describedIn(plan);
  return {
    runId,
    start: {
      order: { ...(await durableOrderOf(plan, { branches: null, attempt: 1 }, { blobs })), searchable },
      memo: { ...memo, schedule: given.schedule },
      summary: staticSummary,
      attributes: searchable ? attributesSchema.parse(searchAttributesOf(plan, projectHash(plan))) : [],
    },
  };
}

async function makeRun(given: PrepareOrder, runId: RunId, deps: ScheduleActivityDeps): Promise<ForkPlan> {
  const { runs, blobs } = deps;
  const order = scheduleOrderSchema.parse(await blobs.get(given.order));
  const item = order.items[given.index];
  if (item === undefined) throw new NotFoundError('The schedule has no such item.', 'Make the schedule anew.');
  const kept = forkPlanSchema.parse(await blobs.get(item.plan));
  const schedule = { name: given.schedule, previous: given.previous };
  const asItWas: ForkPlan = { ...kept, runId, createdAt: nowOf(deps), schedule };
  if (item.asked === null) {
    await runs.create(asItWas);
    return asItWas;
  }
  try {
    const plan = { ...(await planAnew(order, item.asked, kept, runId, deps)), schedule };
    await runs.create(plan);
    return plan;
  } catch (error) {
    // What lies with the disk may pass; what is wrong with the fork does not.
    if (!(error instanceof ForkpointError) || error instanceof StorageError) throw error;
    await writeFailed(asItWas, error, deps);
    return asItWas;
  }
}

/** The session is where it was, or, moved or deleted by Claude Code, wherever its id is found: in the archive, for one. */
async function planAnew(
  order: ScheduleOrder,
  asked: Asked,
  { session }: ForkPlan,
  runId: RunId,
  { plan }: ScheduleActivityDeps,
): Promise<ForkPlan> {
  try {
    return await plan(order, asked, runId);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const byId = { ...asked, request: { ...asked.request, session: session.sessionId } } as Asked;
    return plan(order, byId, runId).catch(() => {
      throw error;
    });
  }
}

/** A run that could not be planned: listed like any other, each branch failed for that reason. Nothing was sent. */
async function writeFailed(plan: ForkPlan, error: ForkpointError, deps: ScheduleActivityDeps): Promise<void> {
  const { runs } = deps;
  const { runId } = plan;
  const failure = failureOf(error);
  const outcome = {
    state: 'failed',
    stopReason: null,
    error: failure,
    billing: 'known',
    divergedAtTurn: null,
  } as const;
  await runs.create(plan);
  await runs.append({ type: 'run-started', runId, at: nowOf(deps), attempt: 1 });
  for (const { branchId } of plan.branches) {
    await runs.append({ type: 'branch-ended', runId, branchId, at: nowOf(deps), outcome });
  }
  await runs.append({ type: 'run-ended', runId, at: nowOf(deps), state: 'failed' });
}

function nowOf({ clock }: ScheduleActivityDeps): string {
  return new Date(clock.now()).toISOString();
}

async function ifThere<T>(found: Promise<T>): Promise<T | null> {
  return found.catch((error: unknown) => {
    if (error instanceof NotFoundError) return null;
    throw error;
  });
}
