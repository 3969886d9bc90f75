import { ApplicationFailure, CancellationScope, currentUpdateInfo } from '@temporalio/workflow';
import type * as z from 'zod';
import { messageOf } from '../../../core/errors.ts';
import { type BranchPlan, branchPlanSchema, type ForkPlan } from '../../../core/fork/forkPlan.ts';
import type { BranchId } from '../../../core/ids.ts';
import { type AnswerOrder, answerOrderSchema } from '../../../core/run/agent/answerOrder.ts';
import { checkLimitChange, type LimitChange, limitChangeSchema } from '../../../core/run/runLimits.ts';
import { type PlanRun, RunOver } from '../../../core/run/runPlan.ts';
import { type AddOrder, addOrderSchema, type CancelOrder, cancelOrderSchema } from '../../../core/run/runUpdate.ts';
import type { Activities } from '../activities.ts';
import type { RunCursor } from './durableOrder.ts';
import type { PendingQuestions } from './pendingQuestions.ts';
import type { RunBranches } from './runBranches.ts';

/** Updates of earlier executions that are carried over. Whoever sends one again does so soon. */
const maxCarriedUpdates = 500;

export interface RunUpdatesDeps {
  plan: ForkPlan;
  branches: RunBranches;
  questions: PendingQuestions;
  local: Activities;
  /** The run, which has begun. */
  run: () => PlanRun;
  stop: (branchId: BranchId) => void;
}

type Updated = 'running' | 'pending' | undefined;

/** An update of the workflow: `refuse` is asked before it enters the history. */
export interface Update<A, R> {
  carryOut: (given: A) => R | Promise<R>;
  /** @throws ApplicationFailure */
  refuse: (given: A) => void;
}

/** What may be asked of a run under way. Sent again with the same id, an update gives what it gave, in whichever execution. */
export class RunUpdates {
  readonly answer = this.#once<AnswerOrder, void>({
    refuse: (given) => this.#refuseUnknown(given),
    carryOut: (given) => this.#answer(given),
  });
  readonly cancelBranch = this.#once<CancelOrder, 'running' | 'pending'>({
    refuse: (given) => this.#refuseCancel(given),
    carryOut: (given) => this.#cancelBranch(given),
  });
  readonly addBranch = this.#once<AddOrder, void>({
    refuse: (given) => this.#refuseAdd(given),
    carryOut: (given) => this.#addBranch(given),
  });
  readonly changeLimits = this.#once<LimitChange, void>({
    refuse: (given) => this.#refuseLimits(given),
    carryOut: (given) => this.#changeLimits(given),
  });
  readonly #deps: RunUpdatesDeps;
  readonly #done: Map<string, Updated>;
  readonly #added: AddOrder[];
  #limits: LimitChange | null;
  #amending: Promise<void> = Promise.resolve();

  /** @param cursor what earlier executions were asked */
  constructor(deps: RunUpdatesDeps, cursor: Pick<RunCursor, 'updates' | 'added' | 'limits'> | null) {
    this.#deps = deps;
    this.#done = new Map(cursor?.updates.map(({ id, result }) => [id, result ?? undefined]));
    this.#added = [...(cursor?.added ?? [])];
    this.#limits = cursor?.limits ?? null;
  }

  /** For the next execution. */
  cursor(): Pick<RunCursor, 'updates' | 'added' | 'limits'> {
    const updates = [...this.#done].slice(-maxCarriedUpdates);
    return {
      updates: updates.map(([id, result]) => ({ id, result: result ?? null })),
      added: this.#added,
      limits: this.#limits,
    };
  }

  #once<A, R extends Updated | void>({ refuse, carryOut }: Update<A, R>): Update<A, R> {
    const idOf = (): string => currentUpdateInfo()?.id ?? '';
    return {
      refuse: (given) => {
        if (!this.#done.has(idOf())) refuse(given);
      },
      carryOut: (given) => {
        const id = idOf();
        if (this.#done.has(id)) return this.#done.get(id) as R;
        const result = carryOut(given);
        if (result instanceof Promise) {
          // What failed may be tried again.
          result.then(
            () => this.#done.set(id, undefined),
            () => undefined,
          );
        } else this.#done.set(id, result ?? undefined);
        return result;
      },
    };
  }

  #refuseCancel(given: CancelOrder): void {
    const { branchId } = checked(cancelOrderSchema, given);
    const { branches } = this.#deps;
    if (!branches.known.has(branchId)) throw refused('NoSuchBranch', `The run has no branch ${branchId}.`);
    if (branches.hasEnded(branchId)) throw refused('BranchEnded', `Branch ${branchId} has ended.`);
  }

  /** @returns where the branch stood: under way, or before its start */
  #cancelBranch({ branchId }: CancelOrder): 'running' | 'pending' {
    this.#deps.stop(branchId);
    return this.#deps.branches.progress.of(branchId).state === 'running' ? 'running' : 'pending';
  }

  #refuseAdd(given: AddOrder): void {
    const { branchId } = checked(addOrderSchema, given);
    this.#refuseWhenOver();
    if (this.#deps.branches.known.has(branchId))
      throw refused('BranchKnown', `The run has a branch ${branchId} already.`);
  }

  async #addBranch(added: AddOrder): Promise<void> {
    const { branchId } = added;
    const { branches, local, plan } = this.#deps;
    branches.known.add(branchId);
    try {
      await this.#amend(async () => {
        const branch = await CancellationScope.nonCancellable(() => local.addBranch({ ...added, runId: plan.runId }));
        branches.take(branchId);
        this.#added.push(added);
        return branchPlanSchema.parse(branch);
      });
    } catch (error) {
      // Nothing came of it: the id is free again.
      if (!branches.running.has(branchId)) branches.known.delete(branchId);
      throw error;
    }
  }

  /** The run's plan is written by one at a time. */
  async #amend(make: () => Promise<BranchPlan>): Promise<void> {
    const before = this.#amending;
    const amending = this.#deps.run().add(() => before.then(make));
    this.#amending = amending.catch(() => {});
    await amending.catch((error: unknown) => {
      throw error instanceof RunOver ? refused('RunOver', 'The run has ended.') : error;
    });
  }

  #refuseLimits(given: LimitChange): void {
    const change = checked(limitChangeSchema, given);
    this.#refuseWhenOver();
    try {
      checkLimitChange(this.#deps.plan, change);
    } catch (error) {
      throw refused('BadUpdate', messageOf(error));
    }
  }

  async #changeLimits(change: LimitChange): Promise<void> {
    const { local, plan, run } = this.#deps;
    run().changeLimits(change);
    this.#limits = { ...this.#limits, ...change };
    this.#amending = this.#amending
      .then(() => CancellationScope.nonCancellable(() => local.changeLimits({ runId: plan.runId, change })))
      .catch(() => {});
    await this.#amending;
  }

  #refuseWhenOver(): void {
    const { isCancelled, isOver } = this.#deps.branches;
    if (isCancelled || isOver) throw refused('RunOver', 'The run has ended.');
  }

  #refuseUnknown(given: AnswerOrder): void {
    const { branchId, callId } = answerOrderSchema.parse(given);
    if (this.#deps.questions.has(branchId, callId)) return;
    throw refused('NoSuchQuestion', `No question ${callId} is open in branch ${branchId}.`);
  }

  async #answer({ branchId, callId, answer }: AnswerOrder): Promise<void> {
    const { questions, local, plan } = this.#deps;
    questions.close(branchId, callId);
    try {
      await CancellationScope.nonCancellable(() => local.giveAnswer({ runId: plan.runId, branchId, callId, answer }));
    } catch (error) {
      // Nothing came of the answer: it may be given again.
      questions.open(branchId, callId);
      throw error;
    }
  }
}

/** Why an update is refused; its type is for programs. */
function refused(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}

/** An update's argument comes from anywhere. @throws ApplicationFailure that names the fields and not what they hold */
function checked<T>(schema: z.ZodType<T>, given: unknown): T {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ code, path }) => `${path.join('.')} (${code})`).join(', ');
  throw refused('BadUpdate', `Not what this update takes: ${where}`);
}
