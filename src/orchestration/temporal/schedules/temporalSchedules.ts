// src/orchestration/temporal/schedules: forks and replays on a schedule of the Temporal server: created, listed, run.
// How a fork is planned is not known here.

import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ScheduleDescription, ScheduleHandle } from '@temporalio/client';
import type { BlobStore } from '../../../core/blobStore.ts';
import { BadInputError, EngineUnavailableError, messageOf, NotFoundError } from '../../../core/errors.ts';
import type { Failure } from '../../../core/failure.ts';
import { withFailureWords } from '../../../core/run/callFailure.ts';
import { failureOf } from '../../../core/run/runPlan.ts';
import type { ScheduleEngine, ScheduleState, StoredSchedule } from '../../../core/useCases/schedules.ts';
import { type ScheduledOrder, scheduleMemoSchema } from '../durableRun/scheduledOrder.ts';
import { isBadArgument } from '../grpcErrors.ts';
import { registerSearchAttributes } from '../searchAttributes.ts';
import { TemporalLink } from '../temporalLink.ts';
import type { TemporalSettings } from '../temporalSettings.ts';
import { relayedFailure } from '../updateWorkflow.ts';
import { WorkerProcesses } from '../workerProcess.ts';
import type { scheduledRun } from '../workflows.ts';
import { listedSchedules } from './listedSchedules.ts';
import { scheduleIdOf } from './scheduleIds.ts';

/** A server that was away fires what it missed so long ago, once. */
const catchupWindow = '1 day';
/** The server's list lags behind: a schedule is waited for that long, in milliseconds, until it stands there. */
const listedMs = 5_000;

export interface TemporalSchedulesDeps {
  settings: TemporalSettings;
  blobs: BlobStore;
}

/** Schedules of a Temporal server, each with a workflow for its firings. */
export function createTemporalSchedules(deps: TemporalSchedulesDeps): ScheduleEngine & { dispose(): Promise<void> } {
  return new TemporalSchedules(deps);
}

class TemporalSchedules implements ScheduleEngine {
  readonly #deps: TemporalSchedulesDeps;
  readonly #link: TemporalLink;

  constructor(deps: TemporalSchedulesDeps) {
    this.#deps = deps;
    this.#link = new TemporalLink(deps.settings);
  }

  async create(schedule: StoredSchedule): Promise<void> {
    const { ScheduleAlreadyRunning } = await import('../temporalClient.ts');
    try {
      await this.#link.use(async (client) => {
        const { namespace } = await this.#link.target();
        await registerSearchAttributes(client, namespace);
        await this.#create(client, schedule);
        await this.#untilListed(client, schedule.name);
      });
    } catch (error) {
      const { name, cron } = schedule;
      if (error instanceof ScheduleAlreadyRunning) {
        throw new BadInputError(
          `There is a schedule ${JSON.stringify(name)} already.`,
          `Give this one another name (--name), or delete that one first: forkpoint schedule delete ${name}.`,
          { path: 'name' },
        );
      }
      if (isBadArgument(error)) {
        throw new BadInputError(
          `The server does not take this schedule (${cron}): ${reasonOf(error)}`,
          'Write the cron as five fields, for example "0 3 * * *".',
          { path: 'cron' },
        );
      }
      throw error;
    }
  }

  async list(): Promise<ScheduleState[]> {
    return this.#link.use(async (client) => {
      const listed = await this.#listed(client);
      const states = await Promise.all(
        listed.map(({ name }) =>
          this.#stateOf(client, name).catch((error: unknown) => {
            // Deleted a moment ago.
            if (error instanceof NotFoundError) return null;
            throw error;
          }),
        ),
      );
      return states.filter((state) => state !== null);
    });
  }

  state(name: string): Promise<ScheduleState> {
    return this.#link.use((client) => this.#stateOf(client, name));
  }

  pause(name: string, paused: boolean): Promise<void> {
    return this.#with(name, (handle) =>
      paused ? handle.pause('Paused by Forkpoint.') : handle.unpause('Resumed by Forkpoint.'),
    );
  }

  trigger(name: string): Promise<void> {
    return this.#with(name, async (handle) => {
      const { info } = await handle.describe();
      if (info.runningActions.length > 0) {
        throw new BadInputError(
          `The last run of ${name} is still under way.`,
          'Wait for its end, or cancel it: two at once are never run.',
          { path: 'name' },
        );
      }
      await handle.trigger('SKIP');
    });
  }

  delete(name: string): Promise<void> {
    return this.#with(name, (handle) => handle.delete());
  }

  async ensureWorker(): Promise<boolean> {
    const workers = new WorkerProcesses(this.#deps.settings);
    const target = await this.#link.target();
    if (this.#deps.settings.startWorkers !== false) await this.#link.use((client) => workers.ensure(target, client));
    const found = await this.#link.use((client) => workers.status(target, client));
    return found.some(({ state }) => state !== 'draining');
  }

  dispose(): Promise<void> {
    return this.#link.close();
  }

  async #create(client: Client, { name, cron, timezone, order, sessions }: StoredSchedule): Promise<void> {
    const { taskQueue } = this.#deps.settings;
    const scheduleId = scheduleIdOf(taskQueue, name);
    const what: ScheduledOrder = { version: 1, schedule: name, order, items: sessions.length };
    await client.schedule.create<typeof scheduledRun>({
      scheduleId,
      spec: { cronExpressions: [cron], timezone },
      policies: { overlap: 'SKIP', catchupWindow },
      action: {
        type: 'startWorkflow',
        workflowType: 'scheduledRun',
        workflowId: scheduleId,
        taskQueue,
        args: [what],
        staticSummary: `Schedule ${name}`,
      },
      memo: { cron, timezone, order, sessions },
    });
  }

  async #untilListed(client: Client, name: string): Promise<void> {
    for (const until = performance.now() + listedMs; performance.now() < until; await delay(100)) {
      if ((await this.#listed(client)).some((listed) => listed.name === name)) return;
    }
  }

  async #listed(client: Client) {
    const { namespace } = await this.#link.target();
    return listedSchedules(client.workflowService, { namespace, taskQueue: this.#deps.settings.taskQueue });
  }

  /** @throws NotFoundError */
  async #with<T>(name: string, action: (handle: ScheduleHandle) => Promise<T>): Promise<T> {
    return this.#link.use((client) => this.#within(client, name, action));
  }

  async #within<T>(client: Client, name: string, action: (handle: ScheduleHandle) => Promise<T>): Promise<T> {
    const { ScheduleNotFoundError } = await import('../temporalClient.ts');
    try {
      return await action(client.schedule.getHandle(scheduleIdOf(this.#deps.settings.taskQueue, name)));
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
      throw new NotFoundError(
        `There is no schedule ${JSON.stringify(name)}.`,
        'List them with `forkpoint schedule list`.',
        null,
        { cause: error },
      );
    }
  }

  async #stateOf(client: Client, name: string): Promise<ScheduleState> {
    const { state, info, memo } = await this.#within(client, name, (handle) => handle.describe());
    const { cron, timezone, order, sessions } = scheduleMemoSchema.parse(memo);
    return {
      name,
      cron,
      timezone,
      order,
      sessions,
      paused: state.paused,
      next: state.paused ? null : (info.nextActionTimes[0]?.toISOString() ?? null),
      skipped: info.numActionsSkippedOverlap,
      firing: await this.#firingOf(client, info),
    };
  }

  async #firingOf(client: Client, { recentActions }: ScheduleDescription['info']): Promise<ScheduleState['firing']> {
    const last = recentActions.toSorted((a, b) => a.takenAt.getTime() - b.takenAt.getTime()).at(-1);
    if (last === undefined) return null;
    const { workflowId } = last.action.workflow;
    const { WorkflowNotFoundError } = await import('../temporalClient.ts');
    const firing = { id: workflowId, at: last.takenAt.toISOString(), failure: null };
    const handle = client.workflow.getHandle(workflowId);
    try {
      const { status } = await handle.describe();
      if (status.name === 'RUNNING' || status.name === 'PAUSED') return { ...firing, state: 'running' };
      if (status.name === 'COMPLETED') return { ...firing, state: 'completed' };
      if (status.name === 'CANCELLED' || status.name === 'TERMINATED') return { ...firing, state: 'cancelled' };
      return { ...firing, state: 'failed', failure: await this.#failureOf(handle.result()) };
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      // Older than the server keeps: it ended long ago.
      return { ...firing, state: 'completed' };
    }
  }

  /** Why a firing failed, in the words that its activity left here. */
  async #failureOf(result: Promise<unknown>): Promise<Failure | null> {
    try {
      await result;
      return null;
    } catch (error) {
      const relayed = relayedFailure(error);
      if (relayed !== null) return withFailureWords(failureOf(relayed), this.#deps.blobs);
      if (error instanceof EngineUnavailableError) throw error;
      return { ...failureOf(error), hint: 'Look at the workflow in the Temporal web UI.' };
    }
  }
}

/** What the server itself says, without what the SDK puts around it. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(cause).replace(/^\d+ [A-Z_]+: /, '');
}
