// src/orchestration/inProcess: the engine that runs branches in this process. How a branch runs is src/core/run; no
// Temporal, no vscode and no adapter comes in.

import type { Disposable } from '../../core/disposable.ts';
import { BadInputError, RunOwnedError } from '../../core/errors.ts';
import type { BranchPlan, ForkPlan } from '../../core/fork/forkPlan.ts';
import type { BranchId, RunId } from '../../core/ids.ts';
import { endAbandoned, interruption, isLeftOpen } from '../../core/run/abandonedRun.ts';
import type { AgentWork } from '../../core/run/agent/agentWork.ts';
import { refusals } from '../../core/run/amendPlan.ts';
import type { CallModelDeps } from '../../core/run/callModel.ts';
import { completedSteps, completedTurns, foldRun } from '../../core/run/foldRun.ts';
import { patientStores } from '../../core/run/patientStores.ts';
import type { ForkEngine } from '../../core/run/ports.ts';
import type { LimitChange } from '../../core/run/runLimits.ts';
import type { RunUpdate } from '../../core/run/runUpdate.ts';
import type { RunView } from '../../core/run/runView.ts';
import { Drive } from './drive.ts';
import { FairQueue } from './fairQueue.ts';

export interface InProcessEngineDeps extends CallModelDeps {
  /** The work of branches that Claude Code answers, loaded when the first one runs. */
  agents: () => Promise<AgentWork>;
  /** Branches that run at once, over all runs. Default 4. */
  concurrency?: number;
  /** In [0, 1), for jitter. */
  random?: () => number;
}

/** Runs branches in this very process. What it does is in the run store before anyone sees it, so a crash loses nothing. */
export function createInProcessEngine(deps: InProcessEngineDeps): ForkEngine {
  return new InProcessEngine(deps);
}

const ownTries = 3;
const ownAgainMs = 100;

class InProcessEngine implements ForkEngine {
  readonly kind = 'in-process';
  readonly #deps: InProcessEngineDeps;
  readonly #queue: FairQueue;
  readonly #drives = new Map<RunId, Drive>();
  readonly #starting = new Map<RunId, Promise<void>>();

  constructor(deps: InProcessEngineDeps) {
    this.#deps = deps;
    this.#queue = new FairQueue(deps.concurrency ?? 4);
  }

  async availability() {
    return { ready: true, detail: 'Runs in this process.' } as const;
  }

  async start(plan: ForkPlan, options: Parameters<ForkEngine['start']>[1] = {}): Promise<void> {
    const { runId } = plan;
    if (this.#drives.has(runId)) return;
    // Two starts at once are one run: the second waits for the first.
    const starting = this.#starting.get(runId) ?? this.#start(plan, options.again);
    this.#starting.set(runId, starting);
    try {
      await starting;
    } finally {
      this.#starting.delete(runId);
    }
  }

  async cancel(runId: RunId, branchId?: BranchId): Promise<boolean> {
    const plan = await this.#deps.runs.plan(runId);
    if (branchId !== undefined && !plan.branches.some((branch) => branch.branchId === branchId)) {
      throw refusals.unknown(branchId);
    }
    const cancelled = await this.#update(runId, { type: 'cancel', branchId: branchId ?? null });
    if (cancelled !== null) return cancelled;
    if (branchId !== undefined) return false;
    return endAbandoned(plan, this.#deps, 'cancelled');
  }

  async addBranch(runId: RunId, branch: BranchPlan): Promise<void> {
    if ((await this.#update(runId, { type: 'add-branch', branch })) === null) throw refusals.over(runId);
  }

  async changeLimits(runId: RunId, change: LimitChange): Promise<void> {
    if ((await this.#update(runId, { type: 'change-limits', change })) === null) throw refusals.over(runId);
  }

  /** @returns what the run's driver says, null where nobody drives it */
  async #update(runId: RunId, update: RunUpdate): Promise<boolean | null> {
    await this.#starting.get(runId)?.catch(() => {});
    const drive = this.#drives.get(runId);
    if (drive !== undefined) return drive.update(update);
    return (await this.#deps.runs.isOwned(runId)) ? this.#deps.runs.requestUpdate(runId, update) : null;
  }

  async answer(...given: Parameters<ForkEngine['answer']>): Promise<void> {
    // The run’s driver follows the store.
    await this.#deps.runs.answer(...given);
  }

  async reconcile(plan: ForkPlan): Promise<void> {
    const { runs } = this.#deps;
    if (this.#drives.has(plan.runId) || this.#starting.has(plan.runId)) return;
    // The log is read after the mark of its owner: an owner that ended in between has written its end by then.
    if (await runs.isOwned(plan.runId)) return;
    if (isLeftOpen(plan, await runs.events(plan.runId), this.#deps.clock.now())) {
      await endAbandoned(plan, this.#deps, interruption());
    }
  }

  async dispose(): Promise<void> {
    await Promise.allSettled(this.#starting.values());
    const drives = [...this.#drives.values()];
    for (const drive of drives) drive.interrupt();
    await Promise.all(drives.map((drive) => drive.ended));
  }

  /** A process that ends an abandoned run owns it for a moment only. */
  async #own(runId: RunId): Promise<Disposable> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#deps.runs.own(runId);
      } catch (error) {
        if (!(error instanceof RunOwnedError) || attempt === ownTries) throw error;
        await this.#deps.clock.sleep(ownAgainMs);
      }
    }
  }

  async #start(plan: ForkPlan, again: { branches: BranchId[]; reason: 'retry' | 'resume' } | undefined): Promise<void> {
    const { runs, clock } = this.#deps;
    const { runId } = plan;
    const mark = await this.#own(runId);
    try {
      const events = await runs.events(runId);
      const attempts = events.filter((event) => event.type === 'run-started').length;
      // Begun before, and nobody asked to run it again: a second dispatch of the same run.
      if (attempts > 0 && again === undefined) return mark.dispose();
      const before = foldRun(plan, events);
      const branches = again === undefined ? plan.branches.map(({ branchId }) => branchId) : leftOf(again, before);
      for (const branchId of attempts > 0 && again !== undefined ? branches : []) {
        const at = new Date(clock.now()).toISOString();
        await runs.append({ type: 'branch-reset', runId, branchId, at, reason: again?.reason ?? 'retry' });
      }
      const prior = completedSteps(before);
      const drive = new Drive(
        plan,
        { branches, prior, turnsDone: completedTurns(events), attempt: attempts + 1 },
        {
          ...this.#deps,
          ...patientStores(this.#deps, this.#deps.clock),
          random: this.#deps.random ?? Math.random,
          queue: this.#queue,
        },
      );
      this.#drives.set(runId, drive);
      void drive.run().finally(() => {
        this.#drives.delete(runId);
        mark.dispose();
      });
    } catch (error) {
      mark.dispose();
      throw error;
    }
  }
}

/** @throws BadInputError where another process has run all of it meanwhile */
function leftOf({ branches, reason }: { branches: BranchId[]; reason: 'retry' | 'resume' }, view: RunView): BranchId[] {
  if (reason === 'retry') return branches;
  const done = new Set(view.branches.filter(({ state }) => state === 'completed').map(({ branchId }) => branchId));
  const left = branches.filter((branchId) => !done.has(branchId));
  if (left.length > 0) return left;
  throw new BadInputError(
    'Nothing of this run is left undone.',
    'Another process has run it meanwhile. Look at it with status.',
  );
}
