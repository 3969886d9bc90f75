// src/orchestration/temporal: the engine that runs a fork as a Temporal workflow: engine, worker, activities, dev
// server. No vscode, no Anthropic SDK, and no rule of how a branch runs: that is src/core/run.

import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Answer } from '../../core/agent/agentFacts.ts';
import type { BlobStore } from '../../core/blobStore.ts';
import type { Clock } from '../../core/clock.ts';
import { BadInputError, InterruptedError, RunOwnedError } from '../../core/errors.ts';
import type { BranchPlan, ForkPlan } from '../../core/fork/forkPlan.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { endAbandoned, isLeftOpen } from '../../core/run/abandonedRun.ts';
import type { AnswerOrder } from '../../core/run/agent/answerOrder.ts';
import { refusals } from '../../core/run/amendPlan.ts';
import type { BranchEvent } from '../../core/run/branchEvent.ts';
import type { EngineAvailability, ForkEngine, RunStore } from '../../core/run/ports.ts';
import { checkLimitChange, type LimitChange } from '../../core/run/runLimits.ts';
import type { RunSharing } from '../../core/run/runSharing.ts';
import type { AddOrder, CancelOrder } from '../../core/run/runUpdate.ts';
import { describedIn } from './describeRun.ts';
import { type DurableOrderOptions, durableOrderOf } from './durableOrderOf.ts';
import type { DurableOrder } from './durableRun/durableOrder.ts';
import { findTemporalCli } from './findTemporalCli.ts';
import { isBadArgument } from './grpcErrors.ts';
import { projectHash } from './projectHash.ts';
import { askAgainForAttributes, registerSearchAttributes, searchAttributesOf } from './searchAttributes.ts';
import { TemporalLink } from './temporalLink.ts';
import type { TemporalSettings } from './temporalSettings.ts';
import { UpdateRefused, updateWorkflow } from './updateWorkflow.ts';
import { WorkerProcesses } from './workerProcess.ts';
import { workflowIdOf } from './workflowIdOf.ts';
import type { forkRun } from './workflows.ts';

/** Bytes of a fairness key that the server takes. */
const longestKey = 64;
/** How long a worker may take for an update, in milliseconds: a new one is handed the run once the lost one's queue is given up. */
const updateMs = 30_000;

export interface TemporalEngineDeps extends DurableOrderOptions {
  settings: TemporalSettings;
  runs: RunStore;
  clock: Clock;
  /** Lets workers of other machines carry out runs; null without a shared store. Default: null. */
  sharing?: RunSharing | null;
}

/**
 * Runs branches as workflows of a Temporal server: one workflow for each run. A worker does the work and writes the run's log, so a
 * run goes on when this process ends, and is picked up again by reading the log. With a shared store that may be a worker of any
 * machine; runs of agents stay on this one, where their places are.
 */
export function createTemporalEngine(deps: TemporalEngineDeps): ForkEngine {
  return new TemporalEngine(deps);
}

class TemporalEngine implements ForkEngine {
  readonly kind = 'temporal';
  readonly #deps: TemporalEngineDeps;
  readonly #link: TemporalLink;
  readonly #workers: WorkerProcesses;
  readonly #started = new Set<RunId>();

  constructor(deps: TemporalEngineDeps) {
    this.#deps = deps;
    this.#link = new TemporalLink(deps.settings);
    this.#workers = new WorkerProcesses(deps.settings);
  }

  async availability(): Promise<EngineAvailability> {
    const { address, namespace } = await this.#link.target();
    if (await this.#link.answers()) return { ready: true, detail: `Temporal on ${address}, namespace ${namespace}.` };
    const reason = `Temporal is not running on ${address}.`;
    try {
      const { cliPath, env, home } = this.#deps.settings;
      await findTemporalCli(cliPath, env, home);
      const hint = 'Start it with "Forkpoint: Start Temporal Dev Server" or `forkpoint temporal start`.';
      return { ready: false, reason, hint, canStart: true };
    } catch (error) {
      const hint = error instanceof Error && 'hint' in error ? String(error.hint) : '';
      return { ready: false, reason, hint: `No Temporal CLI was found to start it with. ${hint}`, canStart: false };
    }
  }

  async start(plan: ForkPlan, options: Parameters<ForkEngine['start']>[1] = {}): Promise<void> {
    await this.#share(plan);
    // On its own: on a busy machine a worker may take as long to come up as the server is given for all of this.
    await this.#link.use((client) => this.#ensureWorker(client, plan));
    await this.#link.use(async (client) => {
      if (options.again === undefined) await this.#startFirst(client, plan);
      else await this.#startAgain(client, plan, options.again);
    });
    this.#started.add(plan.runId);
  }

  async cancel(runId: RunId, branchId?: BranchId): Promise<boolean> {
    const plan = await this.#deps.runs.plan(runId);
    if (branchId === undefined) return this.#cancelWhole(plan);
    if (!plan.branches.some((branch) => branch.branchId === branchId)) throw refusals.unknown(branchId);
    try {
      await this.#update<unknown, CancelOrder>(runId, 'cancelBranch', { branchId });
      return true;
    } catch (error) {
      if (error instanceof UpdateRefused && ['BranchEnded', 'RunOver'].includes(error.type)) return false;
      throw inWords(error);
    }
  }

  async #cancelWhole(plan: ForkPlan): Promise<boolean> {
    const { WorkflowNotFoundError } = await import('./temporalClient.ts');
    return this.#link.use(async (client) => {
      try {
        await handleOf(client, plan.runId).signal('cancel', null);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // Nothing drives it; where its log is still open, it is closed here.
        return endAbandoned(plan, this.#deps, 'cancelled');
      }
      // Without a worker nobody would carry it out.
      await this.#ensureWorker(client, plan);
      return true;
    });
  }

  async addBranch(runId: RunId, branch: BranchPlan): Promise<void> {
    const { blobs, sharing } = await this.#reachOf(runId);
    await sharing?.shareBranch(branch);
    const order: AddOrder = { branchId: branch.branchId, branch: await blobs.put(branch) };
    await this.#update<void, AddOrder>(runId, 'addBranch', order).catch((error: unknown) => {
      if (!(error instanceof UpdateRefused)) throw error;
      throw error.type === 'BranchKnown' ? refusals.known(branch.branchId) : inWords(error, runId);
    });
  }

  async changeLimits(runId: RunId, change: LimitChange): Promise<void> {
    checkLimitChange(await this.#deps.runs.plan(runId), change);
    await this.#update<void, LimitChange>(runId, 'changeLimits', change).catch((error: unknown) => {
      throw inWords(error, runId);
    });
  }

  /**
   * The worker writes the log, so there is something to do only for a workflow that closed without writing its end. While
   * the server is down nobody knows how the run stands, and it is left as it is.
   */
  async reconcile(plan: ForkPlan): Promise<void> {
    const { runs, clock } = this.#deps;
    if (await runs.isOwned(plan.runId)) return;
    if (!isLeftOpen(plan, await runs.events(plan.runId), clock.now())) return;
    if (!(await this.#link.answers())) return;
    const end = await this.#link.use((client) => this.#endOf(client, plan.runId));
    if (end !== null) await endAbandoned(plan, this.#deps, end);
  }

  /** Not for runs of others: their workers may have a key that this process hasn't. */
  async attend(plan: ForkPlan): Promise<void> {
    const { runId } = plan;
    if (!this.#started.has(runId) || this.#deps.settings.startWorkers === false) return;
    const { taskQueue: queue } = await this.#reachOf(runId);
    await this.#link.use(async (client) => {
      const needs = { queue, agents: plan.agent !== null };
      if (await this.#workers.isServed(await this.#link.target(), client, needs)) return;
      if (await this.#isOpen(client, runId)) await this.#ensureWorker(client, plan);
    });
  }

  async answer(runId: RunId, branchId: BranchId, callId: string, answer: Answer): Promise<void> {
    const order: AnswerOrder = { branchId, callId, answer: await this.#deps.blobs.put(answer) };
    await this.#update<void, AnswerOrder>(runId, 'answer', order).catch((error: unknown) => {
      if (!(error instanceof UpdateRefused)) throw error;
      throw new BadInputError(
        error.message,
        'List what waits with `forkpoint questions`.',
        { callId },
        { cause: error },
      );
    });
  }

  /** @throws UpdateRefused; StorageError where an activity of it failed; EngineUnavailableError */
  async #update<R, A>(runId: RunId, name: string, argument: A): Promise<R> {
    const { blobs } = await this.#reachOf(runId);
    // Without a worker the server keeps it waiting, until the one that comes up takes it.
    const [changed] = await Promise.all([
      this.#link.use((client) => updateWorkflow<R, A>(handleOf(client, runId), name, argument, blobs), updateMs),
      this.#link.use(async (client) => this.#ensureWorker(client, await this.#deps.runs.plan(runId))),
    ]);
    return changed;
  }

  async #ensureWorker(client: Client, plan: ForkPlan): Promise<void> {
    if (this.#deps.settings.startWorkers === false) return;
    const { taskQueue } = await this.#reachOf(plan.runId);
    const needs = { queue: taskQueue, agents: plan.agent !== null };
    await this.#workers.ensure(await this.#link.target(), client, needs);
  }

  /** Lets other machines carry out the run, where it is new and the Messages API answers. */
  async #share(plan: ForkPlan): Promise<void> {
    const { sharing = null, runs } = this.#deps;
    if (sharing === null || plan.executor !== 'api') return;
    if ((await runs.events(plan.runId)).length === 0) await sharing.share(plan);
  }

  /** How far a run reaches: its task queue, and the blobs that its workers see. */
  async #reachOf(runId: RunId): Promise<{ taskQueue: string; blobs: BlobStore; sharing: RunSharing | null }> {
    const { settings, blobs, sharing = null } = this.#deps;
    const { taskQueue, sharedQueue = null } = settings;
    if (sharing === null || sharedQueue === null || !(await sharing.isShared(runId))) {
      return { taskQueue, blobs, sharing: null };
    }
    return { taskQueue: sharedQueue, blobs: sharing.blobs, sharing };
  }

  /** Runs that are under way go on. */
  async dispose(): Promise<void> {
    await this.#link.close();
  }

  async #startFirst(client: Client, plan: ForkPlan): Promise<void> {
    const events = await this.#deps.runs.events(plan.runId);
    if (events.some((event) => event.type === 'run-started')) return;
    await this.#startWorkflow(client, plan, { branches: null, attempt: 1, ...logOf(events) }, 'REJECT_DUPLICATE');
  }

  async #startAgain(
    client: Client,
    plan: ForkPlan,
    { branches, reason }: { branches: BranchId[]; reason: 'retry' | 'resume' },
  ): Promise<void> {
    const { runs, clock } = this.#deps;
    const { runId } = plan;
    // Until the workflow runs, the mark keeps others from taking the reopened log for an abandoned one.
    const mark = await runs.own(runId).catch((error: unknown) => {
      if (error instanceof RunOwnedError) return null;
      throw error;
    });
    if (mark === null) return;
    try {
      const events = await runs.events(runId);
      if (await this.#isOpen(client, runId)) {
        if (events.findLast((event) => event.type.startsWith('run-'))?.type !== 'run-ended') return;
        // Its end is in the log already; the server hears of it in a moment.
        await handleOf(client, runId)
          .result()
          .catch(() => undefined);
      }
      const attempts = events.filter((event) => event.type === 'run-started').length;
      for (const branchId of attempts > 0 ? branches : []) {
        const at = new Date(clock.now()).toISOString();
        await runs.append({ type: 'branch-reset', runId, branchId, at, reason });
      }
      await this.#startWorkflow(client, plan, { branches, attempt: attempts + 1, ...logOf(events) }, 'ALLOW_DUPLICATE');
    } finally {
      mark.dispose();
    }
  }

  async #startWorkflow(
    client: Client,
    plan: ForkPlan,
    what: Pick<DurableOrder, 'branches' | 'attempt' | 'hasLog'>,
    workflowIdReusePolicy: 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE',
  ): Promise<void> {
    const { taskQueue, blobs } = await this.#reachOf(plan.runId);
    const order = await durableOrderOf(plan, what, { ...this.#deps, blobs });
    const { WorkflowExecutionAlreadyStartedError } = await import('./temporalClient.ts');
    const start = (searchable: boolean): Promise<unknown> =>
      client.workflow.start<typeof forkRun>('forkRun', {
        workflowId: workflowIdOf(plan.runId),
        taskQueue,
        args: [{ ...order, searchable }],
        workflowIdReusePolicy,
        // Its activities inherit it. Where the server knows of it, a large run does not keep a small one waiting.
        priority: { fairnessKey: plan.runId.slice(0, longestKey) },
        ...describedIn(plan),
        ...(searchable && { typedSearchAttributes: searchAttributesOf(plan, projectHash(plan)) }),
      });
    try {
      const { namespace } = await this.#link.target();
      if (!(await registerSearchAttributes(client, namespace))) await start(false);
      // A server may take a while until it takes what it was told of a moment ago.
      else
        await start(true).catch((error: unknown) => {
          if (!isBadArgument(error)) throw error;
          askAgainForAttributes(client);
          return start(false);
        });
    } catch (error) {
      // A second click, or another window's: the run is under way, or was.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  async #isOpen(client: Client, runId: RunId): Promise<boolean> {
    const { WorkflowNotFoundError } = await import('./temporalClient.ts');
    try {
      return (await handleOf(client, runId).describe()).status.name === 'RUNNING';
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  /** How an open log is to be ended, null where its workflow still runs. */
  async #endOf(client: Client, runId: RunId): Promise<InterruptedError | 'cancelled' | null> {
    const { WorkflowNotFoundError } = await import('./temporalClient.ts');
    const { address, namespace } = await this.#link.target();
    const hint = 'Run Resume: it runs what is missing and keeps what is there.';
    try {
      const { status } = await handleOf(client, runId).describe();
      if (status.name === 'RUNNING' || status.name === 'PAUSED') return null;
      if (status.name === 'CANCELLED') return 'cancelled';
      const how =
        status.name === 'TERMINATED' ? 'was terminated from outside' : `ended as ${status.name.toLowerCase()}`;
      return new InterruptedError(`The workflow of this run ${how} before it was through.`, hint);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      return new InterruptedError(
        `The Temporal server on ${address} knows nothing of this run in namespace ${namespace}.`,
        `Was it started on another server? If not: ${hint}`,
      );
    }
  }
}

function logOf(events: readonly BranchEvent[]): Pick<DurableOrder, 'hasLog'> {
  return events.some(({ type }) => type === 'step-completed') ? { hasLog: true } : {};
}

/** A refused update as a person reads it. */
function inWords(error: unknown, runId?: RunId): unknown {
  if (!(error instanceof UpdateRefused)) return error;
  if (error.type === 'RunOver' && runId !== undefined) return refusals.over(runId);
  return new BadInputError(error.message, 'Look at the run with `forkpoint status`.', null, { cause: error });
}

function handleOf(client: Client, runId: RunId): WorkflowHandle<typeof forkRun> {
  return client.workflow.getHandle<typeof forkRun>(workflowIdOf(runId));
}
