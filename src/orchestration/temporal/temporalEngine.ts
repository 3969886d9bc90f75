import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Answer } from '../../core/agent/agentFacts.ts';
import type { AnswerOrder } from '../../core/agent/answerOrder.ts';
import {
  BadInputError,
  type ForkpointError,
  InterruptedError,
  RunOwnedError,
  StorageError,
} from '../../core/errors.ts';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { isLeftOpen, settleAbandoned } from '../../core/run/abandonedRun.ts';
import { callFailureSchema, fromCallFailure, withFailureWords } from '../../core/run/callFailure.ts';
import { completedSteps, completedTurns, foldRun } from '../../core/run/foldRun.ts';
import type { BlobStore, Clock, EngineAvailability, ForkEngine, RunStore } from '../../core/run/ports.ts';
import { type RetryPolicy, retryPolicies, timeouts } from '../../core/run/retryPolicies.ts';
import { type RunOrder, withoutWords } from '../../core/run/runOrder.ts';
import { failureOf } from '../../core/run/runPlan.ts';
import { findTemporalCli } from './findTemporalCli.ts';
import { TemporalLink } from './temporalLink.ts';
import type { TemporalSettings } from './temporalSettings.ts';
import { WorkerProcesses } from './workerProcess.ts';
import { workflowIdOf } from './workflowIdOf.ts';
import type { forkRun } from './workflows.ts';

// The server refuses inputs over 2 MB.
const maxOrderBytes = 1_500_000;
/** How long a worker may take for an answer, in milliseconds: a new one is handed the run once the lost one's queue is given up. */
const answerMs = 30_000;

export interface TemporalEngineDeps {
  settings: TemporalSettings;
  runs: RunStore;
  blobs: BlobStore;
  clock: Clock;
  /** Default: the table of `retryPolicies.ts`. */
  retry?: RetryPolicy;
  /** A worker that says nothing for so long is taken for lost. Default: the table of timeouts. */
  heartbeatMs?: number;
}

/**
 * Runs branches as workflows of a Temporal server: one workflow for each run. A worker on this machine does the work and
 * writes the run's log, so a run goes on when this process ends, and is picked up again by reading the log.
 */
export function createTemporalEngine(deps: TemporalEngineDeps): ForkEngine {
  return new TemporalEngine(deps);
}

class TemporalEngine implements ForkEngine {
  readonly kind = 'temporal';
  readonly #deps: TemporalEngineDeps;
  readonly #link: TemporalLink;
  readonly #workers: WorkerProcesses;

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
    await this.#link.use(async (client) => {
      if (this.#deps.settings.startWorkers !== false) await this.#workers.ensure(await this.#link.target(), client);
      if (options.again === undefined) await this.#startFirst(client, plan);
      else await this.#startAgain(client, plan, options.again);
    });
  }

  async cancel(runId: RunId, branchId?: BranchId): Promise<void> {
    const plan = await this.#deps.runs.plan(runId);
    const { WorkflowNotFoundError } = await import('./temporalClient.ts');
    await this.#link.use(async (client) => {
      try {
        await handleOf(client, runId).signal('cancel', branchId ?? null);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        // Nothing drives it; where its log is still open, it is closed here.
        if (branchId === undefined) await settleAbandoned(plan, this.#deps, 'cancelled');
        return;
      }
      // Without a worker nobody would carry it out.
      if (this.#deps.settings.startWorkers !== false) await this.#workers.ensure(await this.#link.target(), client);
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
    if (end !== null) await settleAbandoned(plan, this.#deps, end);
  }

  async answer(runId: RunId, branchId: BranchId, callId: string, answer: Answer): Promise<void> {
    const { WorkflowUpdateFailedError } = await import('./temporalClient.ts');
    const order: AnswerOrder = { branchId, callId, answer: await this.#deps.blobs.put(answer) };
    // Without a worker the server would keep the answer waiting, and us with it.
    await this.#link.use(async (client) => {
      if (this.#deps.settings.startWorkers !== false) await this.#workers.ensure(await this.#link.target(), client);
    });
    await this.#link.use(async (client) => {
      try {
        await handleOf(client, runId).executeUpdate<void, [AnswerOrder]>('answer', { args: [order] });
      } catch (error) {
        if (!(error instanceof WorkflowUpdateFailedError)) throw error;
        const failure = relayedFailure(error);
        if (failure !== null) {
          const { message, hint } = await withFailureWords(failureOf(failure), this.#deps.blobs);
          throw new StorageError(message, hint, { callId }, { cause: error });
        }
        const hint = 'List what waits with `forkpoint questions`.';
        throw new BadInputError(error.cause?.message ?? error.message, hint, { callId }, { cause: error });
      }
    }, answerMs);
  }

  /** Runs that are under way go on. */
  async dispose(): Promise<void> {
    await this.#link.close();
  }

  async #startFirst(client: Client, plan: ForkPlan): Promise<void> {
    const events = await this.#deps.runs.events(plan.runId);
    if (events.some((event) => event.type === 'run-started')) return;
    const branches = plan.branches.map((branch) => branch.branchId);
    await this.#startWorkflow(
      client,
      this.#order(plan, branches, { prior: {}, turnsDone: {}, attempt: 1 }),
      'REJECT_DUPLICATE',
    );
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
      const prior = completedSteps(foldRun(plan, events));
      const order = this.#order(plan, branches, { prior, turnsDone: completedTurns(events), attempt: attempts + 1 });
      for (const branchId of attempts > 0 ? branches : []) {
        const at = new Date(clock.now()).toISOString();
        await runs.append({ type: 'branch-reset', runId, branchId, at, reason });
      }
      await this.#startWorkflow(client, order, 'ALLOW_DUPLICATE');
    } finally {
      mark.dispose();
    }
  }

  #order(plan: ForkPlan, branches: BranchId[], before: Pick<RunOrder, 'prior' | 'turnsDone' | 'attempt'>): RunOrder {
    const { retry = retryPolicies.modelApi, heartbeatMs = timeouts.modelHeartbeat } = this.#deps;
    return { version: 1, plan, branches, ...before, retry, heartbeatMs };
  }

  async #startWorkflow(
    client: Client,
    order: RunOrder,
    workflowIdReusePolicy: 'REJECT_DUPLICATE' | 'ALLOW_DUPLICATE',
  ): Promise<void> {
    const { plan } = order;
    const sent: RunOrder = { ...order, plan: withoutWords(plan) };
    if (JSON.stringify(sent).length > maxOrderBytes) {
      throw new BadInputError(
        `A run of ${plan.branches.length} branches is too large for one Temporal workflow.`,
        'Split it into several runs, or run it in-process.',
      );
    }
    const { WorkflowExecutionAlreadyStartedError } = await import('./temporalClient.ts');
    // A session's title is its first prompt where it has no other, so the session is named by its id.
    const { sessionId } = plan.session;
    try {
      await client.workflow.start<typeof forkRun>('forkRun', {
        workflowId: workflowIdOf(plan.runId),
        taskQueue: this.#deps.settings.taskQueue,
        args: [sent],
        workflowIdReusePolicy,
        memo: { run: plan.runId, kind: plan.kind, session: sessionId, turn: plan.point.turnIndex },
        staticSummary: `${plan.kind === 'fork' ? 'Fork' : 'Replay'} of session ${sessionId} at turn ${plan.point.turnIndex}`,
        staticDetails: plan.branches.map(({ name, repeat, model }) => `- ${name} #${repeat}: ${model}`).join('\n'),
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

function handleOf(client: Client, runId: RunId): WorkflowHandle<typeof forkRun> {
  return client.workflow.getHandle<typeof forkRun>(workflowIdOf(runId));
}

/** The failure of an activity that lies behind an error, null where none does. */
function relayedFailure(error: unknown): ForkpointError | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const details: unknown = 'details' in at && Array.isArray(at.details) ? at.details[0] : null;
    const failure = callFailureSchema.safeParse(details);
    if (failure.success) return fromCallFailure(failure.data);
  }
  return null;
}
