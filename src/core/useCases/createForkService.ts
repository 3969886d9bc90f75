import type { Answer, ChangedFile, FailedTeardown } from '../agent/agentFacts.ts';
import type { Executor } from '../agent/agentSettings.ts';
import { checkAnswer } from '../agent/checkAnswer.ts';
import type { BlobStore } from '../blobStore.ts';
import type { Clock } from '../clock.ts';
import type { TextDiff } from '../compare/compareBranches.ts';
import { compareRun } from '../compare/compareRun.ts';
import { compareRuns, type PairedRuns, pairedRunsSchema } from '../compare/compareRuns.ts';
import { recordedName } from '../compare/comparison.ts';
import { BadInputError, EngineUnavailableError, NotFoundError, StorageError } from '../errors.ts';
import { type AgentDraft, draftAgents } from '../fork/agent/agentDraft.ts';
import type { AgentPlanning } from '../fork/agent/agentPlanning.ts';
import type { ForkContext } from '../fork/forkContext.ts';
import { baselineSchema, type ForkPlan, type Provider } from '../fork/forkPlan.ts';
import {
  type Asked,
  type BranchSpec,
  executorOf,
  type ForkPoint,
  type ForkRequest,
  type ReplayRequest,
  type RunSettings,
} from '../fork/forkRequest.ts';
import { leftOutNote } from '../fork/leftOutSettings.ts';
import {
  type CacheSettings,
  type PlanningDeps,
  planFork,
  planReplay,
  recordedTurn,
  replayedTurns,
} from '../fork/planFork.ts';
import { sizeWarning } from '../fork/recordedSize.ts';
import type { EngineKind } from '../fork/runChoices.ts';
import type { OpenSession, SessionStore } from '../fork/sessionStore.ts';
import { groupBy } from '../groupBy.ts';
import { type BlobRef, type BranchId, blobRefSchema, type RunId, runIdSchema } from '../ids.ts';
import { budgetShare } from '../run/agent/budgetShare.ts';
import { refusals } from '../run/amendPlan.ts';
import type { BranchEvent } from '../run/branchEvent.ts';
import { branchesToRun, foldRun } from '../run/foldRun.ts';
import type { ForkEngine, PriceList, RunStore } from '../run/ports.ts';
import type { LimitChange } from '../run/runLimits.ts';
import type { BranchView, RunView } from '../run/runView.ts';
import type { Turn } from '../session/recordedSession.ts';
import type { Sha256 } from '../sha256.ts';
import { noTracer, type SpanFacts, type Tracer } from '../tracer.ts';
import { followingIds, forkOfRun } from './addedBranches.ts';
import { estimateCost } from './estimateCost.ts';
import type { AgainPreview, ForkPreview, ForkService } from './forkService.ts';
import { type FromStep, keptSteps, runFromStep } from './runFromStep.ts';

export interface ForkServiceDeps {
  sessions: SessionStore;
  runs: RunStore;
  blobs: BlobStore;
  /** Made when first needed: Temporal's client is heavy. */
  engine: (kind: EngineKind) => Promise<ForkEngine>;
  prices: PriceList;
  provider: Provider;
  /** Host that billed requests go to. */
  apiHost: string;
  clock: Clock;
  sha256: Sha256;
  textDiff: TextDiff;
  /** In [0, 1). */
  random: () => number;
  /** Who answers where a request doesn't say. */
  defaultExecutor: () => Promise<Executor>;
  /** What planning agent branches needs of the machine; loaded when first needed. */
  agents: () => Promise<AgentPlanning>;
  /** Files that differ between two sides of a run that Claude Code answered. */
  changedFiles: (runId: RunId, a: string, b: string) => Promise<ChangedFile[]>;
  /** Called before a run is deleted: what lies elsewhere of it goes first. Gives the teardown commands that failed. */
  beforeDelete: (runId: RunId) => Promise<FailedTeardown[]>;
  /** Asked at every dispatch; default: no result cache. */
  cache?: () => CacheSettings;
  /** Told of every run that was stored anew; nothing waits for what it does. */
  onDispatched?: (plan: ForkPlan) => void;
  /** Default: nothing is traced. */
  tracer?: Tracer;
}

/** How often a wait for a run's end looks again although nothing was logged: a workflow may have been ended from outside. */
const reconcileEveryMs = 2_000;

/** The use cases over the given stores and engines. */
export function createForkService(deps: ForkServiceDeps): ForkService {
  return new Service(deps);
}

/** What a fork or a replay is planned from. */
interface Draft {
  context: ForkContext;
  plan: (planning: PlanningDeps) => Promise<ForkPlan>;
  /** What agents are planned from, null where the Messages API answers. */
  agent: ((put: PlanningDeps['put']) => Promise<AgentDraft>) | null;
}

class Service implements ForkService {
  constructor(private readonly deps: ForkServiceDeps) {}

  newRunId(): RunId {
    const stamp = new Date(this.deps.clock.now()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
    const suffix = Math.floor(this.deps.random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0');
    return runIdSchema.parse(`r-${stamp}-${suffix}`);
  }

  async preview(request: ForkRequest): Promise<ForkPreview> {
    return this.previewOf(await this.draftFork(request), request);
  }

  async previewReplay(request: ReplayRequest): Promise<ForkPreview> {
    return this.previewOf(await this.draftReplay(request), request);
  }

  async dispatch(request: ForkRequest, runId = this.newRunId()): Promise<ForkPlan> {
    return this.traced('fork', { 'forkpoint.run': runId, 'forkpoint.engine': request.engine }, async () => {
      const ready = this.readied(request.engine);
      return this.start(await this.draftFork(request), runId, ready);
    });
  }

  async dispatchReplay(request: ReplayRequest, runId = this.newRunId()): Promise<ForkPlan> {
    return this.traced('replay', { 'forkpoint.run': runId, 'forkpoint.engine': request.engine }, async () => {
      const ready = this.readied(request.engine);
      return this.start(await this.draftReplay(request), runId, ready);
    });
  }

  private traced<T>(command: string, facts: SpanFacts, work: () => Promise<T>): Promise<T> {
    return (this.deps.tracer ?? noTracer).span(command, facts, work);
  }

  async plan(asked: Asked, runId: RunId): Promise<ForkPlan> {
    return this.planned(await this.draftOf(asked), runId);
  }

  async runs(limit?: number): Promise<RunView[]> {
    const ids = await this.deps.runs.list(limit);
    const views = await Promise.all(ids.map((runId) => this.run(runId).catch(() => null)));
    return views.filter((view) => view !== null);
  }

  async run(runId: RunId): Promise<RunView> {
    try {
      return await this.reconciled(runId);
    } catch (error) {
      // A full disk keeps the end of a run that nobody drives from being written, not the run from being read; nor does a lost worker.
      if (!(error instanceof StorageError) && !(error instanceof EngineUnavailableError)) throw error;
      return this.logged(runId);
    }
  }

  /** The run as its log tells it, whether or not somebody still drives it. */
  private async logged(runId: RunId): Promise<RunView> {
    return foldRun(await this.deps.runs.plan(runId), await this.deps.runs.events(runId));
  }

  private async reconciled(runId: RunId): Promise<RunView> {
    const plan = await this.deps.runs.plan(runId);
    const view = foldRun(plan, await this.deps.runs.events(runId));
    if (view.state !== 'running' && view.state !== 'pending') return view;
    const engine = await this.deps.engine(plan.engine);
    await engine.reconcile(plan);
    const now = foldRun(plan, await this.deps.runs.events(runId));
    if (now.state === 'running') await engine.attend?.(plan);
    return now;
  }

  async whenEnded(runId: RunId, signal?: AbortSignal): Promise<RunView> {
    let wake = () => {};
    const watching = this.deps.runs.watch((changed) => {
      if (changed === runId) wake();
    });
    try {
      // A log that grows needs nobody to see to it, and asking a server after each event would slow down the run itself.
      for (let heardNothing = true; ; ) {
        signal?.throwIfAborted();
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const view = await (heardNothing ? this.reconciled(runId) : this.logged(runId));
        if (view.state !== 'running' && view.state !== 'pending') return view;
        const again = new AbortController();
        const either = signal ? AbortSignal.any([signal, again.signal]) : again.signal;
        const quiet = this.deps.clock.sleep(reconcileEveryMs, either).then(
          () => true,
          () => false,
        );
        heardNothing = await Promise.race([changed.then(() => false), quiet]);
        again.abort();
        // Without its server a run goes nowhere, and nobody would wake us.
        if (heardNothing) await this.ready(await this.deps.engine(view.engine));
      }
    } finally {
      watching.dispose();
    }
  }

  async cancel(runId: RunId, branchId?: BranchId): Promise<boolean> {
    return this.traced('cancel', { 'forkpoint.run': runId }, async () =>
      (await this.engineOf(runId)).cancel(runId, branchId),
    );
  }

  async previewAdded(runId: RunId, branches: readonly BranchSpec[]): Promise<ForkPreview> {
    const { state } = await this.run(runId);
    // Before a cost is shown that nobody will have.
    if (state !== 'running' && state !== 'pending') throw refusals.over(runId);
    const request = await forkOfRun(await this.deps.runs.plan(runId), branches, this.deps.blobs);
    return this.previewOf(await this.draftFork(request), request);
  }

  async addBranches(runId: RunId, branches: readonly BranchSpec[]): Promise<BranchId[]> {
    const { runs, blobs } = this.deps;
    const run = await runs.plan(runId);
    const plan = await this.planned(await this.draftFork(await forkOfRun(run, branches, blobs)), runId);
    const added = followingIds(run, plan.branches);
    const engine = await this.deps.engine(run.engine);
    for (const branch of added) await engine.addBranch(runId, branch);
    return added.map(({ branchId }) => branchId);
  }

  async changeLimits(runId: RunId, change: LimitChange): Promise<void> {
    await (await this.engineOf(runId)).changeLimits(runId, change);
  }

  private async engineOf(runId: RunId): Promise<ForkEngine> {
    return this.deps.engine((await this.deps.runs.plan(runId)).engine);
  }

  async previewAgain(runId: RunId, reason: 'retry' | 'resume'): Promise<AgainPreview> {
    const plan = await this.deps.runs.plan(runId);
    const branches = branchesToRun(await this.run(runId), reason);
    await this.checkBudget(plan, branches);
    return this.previewOfPlan(plan, branches);
  }

  /** @throws BadInputError where agents would be started with nothing to spend */
  private async checkBudget(plan: ForkPlan, branches: readonly BranchId[]): Promise<void> {
    const { runId, budgetUsd, executor } = plan;
    if (budgetUsd === null || executor === 'api' || branches.length === 0) return;
    const events = await this.deps.runs.events(runId);
    if (branches.some((branchId) => (budgetShare(plan, events, branchId) ?? 1) > 0)) return;
    throw new BadInputError(
      `The budget of this run, $${budgetUsd.toFixed(2)}, is used up.`,
      'Fork again with a larger one (budgetUsd).',
    );
  }

  previewStored(plan: ForkPlan): Promise<AgainPreview> {
    return this.previewOfPlan(
      plan,
      plan.branches.map(({ branchId }) => branchId),
    );
  }

  private async previewOfPlan(plan: ForkPlan, wanted: BranchId[]): Promise<AgainPreview> {
    const { blobs, prices, apiHost } = this.deps;
    const branches = plan.branches.filter(({ branchId }) => wanted.includes(branchId));
    const { steps } = baselineSchema.parse(await blobs.get(plan.baseline));
    const turns = [...groupBy(steps, (step) => step.turn).values()].map((ofTurn) => ({ steps: ofTurn }));
    const billed = isBilled(plan);
    const high = estimateCost(branches, turns, prices)?.high ?? null;
    return {
      branches: wanted,
      models: [...new Set(branches.map(({ model }) => model))],
      host: billed ? apiHost : null,
      billed,
      costUsd: billed ? (high === null ? null : { low: 0, high }) : { low: 0, high: 0 },
    };
  }

  async previewFromStep(runId: RunId, from: FromStep): Promise<AgainPreview> {
    keptSteps(await this.run(runId), from);
    return this.previewOfPlan(await this.deps.runs.plan(runId), [from.branchId]);
  }

  runFromStep(runId: RunId, from: FromStep, newId = this.newRunId()): Promise<ForkPlan> {
    return this.traced('again', { 'forkpoint.run': newId }, async () => {
      const { runs, blobs, clock } = this.deps;
      const source = { plan: await runs.plan(runId), view: await this.run(runId) };
      const ready = this.readied(source.plan.engine);
      const createdAt = new Date(clock.now()).toISOString();
      const { plan, events } = await runFromStep(source, from, { runId: newId, createdAt }, blobs);
      return this.stored(plan, ready, events);
    });
  }

  retry(runId: RunId): Promise<void> {
    return this.traced('retry', { 'forkpoint.run': runId }, () => this.runAgain(runId, 'retry'));
  }

  resume(runId: RunId): Promise<void> {
    return this.traced('resume', { 'forkpoint.run': runId }, () => this.runAgain(runId, 'resume'));
  }

  async delete(runId: RunId): Promise<FailedTeardown[]> {
    const view = await this.run(runId);
    // A worker's run needs no lock of this process; the end of a lost run may still be unwritten.
    if (view.state === 'running' && (view.engine === 'temporal' || (await this.deps.runs.isOwned(runId)))) {
      throw new BadInputError(`Run "${view.title}" is still running.`, 'Cancel it first, then delete it.');
    }
    const failed = view.executor === 'claude-code' ? await this.deps.beforeDelete(runId) : [];
    await this.deps.runs.delete(runId);
    return failed;
  }

  async answer(runId: RunId, branch: string, callId: string, answer: Answer): Promise<void> {
    const view = await this.run(runId);
    const asked = view.branches.find(({ branchId, name }) => branchId === branch || name === branch);
    const hint = 'List what waits with `forkpoint questions`.';
    if (asked === undefined) throw new NotFoundError(`Run ${runId} has no branch "${branch}".`, hint);
    const waiting = view.branches.find(
      ({ branchId, name, questions }) =>
        (branchId === branch || name === branch) && questions.some((question) => question.callId === callId),
    );
    if (waiting === undefined) {
      await this.refuseLost(runId, asked, callId);
      throw new BadInputError(`No question ${callId} waits in branch "${branch}".`, hint, { callId });
    }
    for (const question of waiting.questions) if (question.callId === callId) checkAnswer(question, answer);
    await (await this.deps.engine(view.engine)).answer(runId, waiting.branchId, callId, answer);
  }

  /** @throws BadInputError where the process that asked was lost before an answer came */
  private async refuseLost(runId: RunId, { branchId, name, state }: BranchView, callId: string): Promise<void> {
    if (state !== 'failed' && state !== 'cancelled') return;
    const own = (await this.deps.runs.events(runId)).filter(
      (event) => 'branchId' in event && event.branchId === branchId,
    );
    const isAsked = own.some((event) => event.type === 'question-asked' && event.question.callId === callId);
    const isAnswered = own.some((event) => event.type === 'question-answered' && event.callId === callId);
    if (!isAsked || isAnswered) return;
    throw new BadInputError(
      `Nobody waits for an answer to ${callId} any more: the process that drove branch "${name}" has ended.`,
      `Run Resume (\`forkpoint resume ${runId}\`): the agent goes on, and asks again where it repeats the call.`,
      { callId },
    );
  }

  async compare(runId: RunId, a?: string, b?: string): ReturnType<ForkService['compare']> {
    const plan = await this.deps.runs.plan(runId);
    const view = await this.run(runId);
    const pair = a === undefined ? null : { a, b: b ?? recordedName };
    const { blobs, textDiff, changedFiles } = this.deps;
    return compareRun(plan, view, pair, { blobs, textDiff, files: (...sides) => changedFiles(runId, ...sides) });
  }

  async comparePrevious(runId: RunId): Promise<PairedRuns | null> {
    const { runs, blobs, textDiff } = this.deps;
    const after = { plan: await runs.plan(runId), view: await this.run(runId) };
    const { schedule, state } = after.view;
    if (schedule === null || schedule.previous === null || state === 'running' || state === 'pending') return null;
    if (schedule.comparison !== null) return pairedRunsSchema.parse(await blobs.get(schedule.comparison));
    try {
      const before = { plan: await runs.plan(schedule.previous), view: await this.run(schedule.previous) };
      return await compareRuns(before, after, { blobs, textDiff });
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  watch(listener: (runId: RunId) => void): ReturnType<ForkService['watch']> {
    return this.deps.runs.watch(listener);
  }

  private async draftFork(request: ForkRequest): Promise<Draft> {
    const open = await this.deps.sessions.open(request.session);
    const context = await open.forkAt(request.at);
    const summary = open.session.summary;
    const turn = recordedTurn(context);
    return {
      context,
      plan: (planning) => planFork(summary, context, request, planning),
      agent: await this.agentsFor(open, context, request.at, turn === null ? [] : [turn], request),
    };
  }

  private async draftReplay(request: ReplayRequest): Promise<Draft> {
    if (request.to !== undefined && request.to < request.from) {
      throw new BadInputError(
        `A replay from turn ${request.from} to turn ${request.to} runs backwards.`,
        'Let "to" be the same as "from" or larger.',
        { path: 'to' },
      );
    }
    const open = await this.deps.sessions.open(request.session);
    const context = await open.forkAt({ turn: request.from }, Number.POSITIVE_INFINITY);
    const summary = open.session.summary;
    return {
      context,
      plan: (planning) => planReplay(summary, context, request, planning),
      agent: await this.agentsFor(open, context, { turn: request.from }, replayedTurns(context, request), request),
    };
  }

  private async agentsFor(
    open: OpenSession,
    context: ForkContext,
    at: ForkPoint,
    turns: readonly Turn[],
    settings: RunSettings,
  ): Promise<Draft['agent']> {
    if (executorOf(settings, await this.deps.defaultExecutor()) === 'api') return null;
    const planning = await this.deps.agents();
    const chain = await open.branchChain(at);
    return (put) => draftAgents({ open, context, chain, turns, settings }, { ...planning, put });
  }

  private draftOf(asked: Asked): Promise<Draft> {
    return asked.kind === 'fork' ? this.draftFork(asked.request) : this.draftReplay(asked.request);
  }

  private planning(runId: RunId, put: (value: unknown) => Promise<BlobRef>): PlanningDeps {
    const { clock, provider, sha256, cache } = this.deps;
    return { runId, createdAt: new Date(clock.now()).toISOString(), provider, sha256, put, cache: cache?.() };
  }

  private async planned(draft: Draft, runId: RunId): Promise<ForkPlan> {
    const put: PlanningDeps['put'] = (value) => this.deps.blobs.put(value);
    return draft.plan({ ...this.planning(runId, put), agent: await draft.agent?.(put) });
  }

  private async start(draft: Draft, runId: RunId, ready: Promise<ForkEngine>): Promise<ForkPlan> {
    return this.stored(await this.planned(draft, runId), ready);
  }

  /** Stores a run and starts it, unless one of its id is there. @param events its log begins with; default: none */
  private async stored(plan: ForkPlan, ready: Promise<ForkEngine>, events?: readonly BranchEvent[]): Promise<ForkPlan> {
    const engine = await ready;
    if (!(await this.deps.runs.create(plan, events))) return this.deps.runs.plan(plan.runId);
    this.deps.onDispatched?.(plan);
    await engine.start(plan);
    return plan;
  }

  /** The engine, asked while the run is planned: a server takes a while to answer. */
  private readied(kind: EngineKind): Promise<ForkEngine> {
    const ready = this.deps.engine(kind).then(async (engine) => {
      await this.ready(engine);
      return engine;
    });
    // What is wrong with the fork itself is told first.
    ready.catch(() => {});
    return ready;
  }

  private async ready(engine: ForkEngine): Promise<void> {
    const available = await engine.availability();
    if (!available.ready) throw new EngineUnavailableError(available.reason, available.hint);
  }

  private async runAgain(runId: RunId, reason: 'retry' | 'resume'): Promise<void> {
    const view = await this.run(runId);
    const plan = await this.deps.runs.plan(runId);
    // Under way: what drives it may still be missing (a worker that was killed), and its engine sees to that.
    if (view.state === 'running') return (await this.deps.engine(plan.engine)).start(plan);
    const branches = branchesToRun(view, reason);
    if (branches.length === 0) {
      throw new BadInputError(
        reason === 'retry' ? 'No branch of this run failed or was cancelled.' : 'Nothing of this run is left undone.',
        'Fork again to run it once more.',
      );
    }
    await this.checkBudget(plan, branches);
    await (await this.deps.engine(plan.engine)).start(plan, { again: { branches, reason } });
  }

  private async previewOf(draft: Draft, settings: RunSettings): Promise<ForkPreview> {
    const { clock, provider, prices, apiHost, sha256 } = this.deps;
    const none = blobRefSchema.parse('0'.repeat(64));
    const put = (): Promise<BlobRef> => Promise.resolve(none);
    const agent = await draft.agent?.(put);
    const plan = await draft.plan({
      runId: runIdSchema.parse('preview'),
      createdAt: new Date(clock.now()).toISOString(),
      provider,
      sha256,
      put,
      agent,
    });
    const billed = isBilled(plan);
    const unpriced = billed ? unpricedOf(plan, prices) : [];
    const repliesEach = settings.tools === 'stop' || agent !== undefined ? 1 : plan.maxSteps;
    const turnsEach = plan.branches[0]?.turns ?? 1;
    const { rebuilt } = draft.context;
    return {
      point: plan.point,
      fidelity: plan.fidelity,
      digestVerified: plan.digestVerified,
      missing: plan.missing,
      completed: rebuilt.completed,
      prefix: rebuilt.prefix,
      recordedPrompt: draft.context.recordedPrompt,
      recordedModel: rebuilt.request.model,
      host: billed ? (agent === undefined ? apiHost : null) : null,
      executor: plan.executor,
      agent: (await agent?.preview()) ?? null,
      requests: plan.branches.length,
      maxRequests: plan.branches.length * repliesEach * turnsEach,
      costUsd: billed ? estimateCost(plan.branches, draft.context.following, prices) : { low: 0, high: 0 },
      unpriced,
      billed,
      branches: plan.branches
        .filter((branch) => branch.repeat === 1)
        .map(({ name, model, repeats, changes, notes, prefix = rebuilt.prefix, estimatedInputTokens }) => ({
          name,
          model,
          repeats,
          changes,
          notes,
          prefix,
          estimatedInputTokens,
        })),
      notes: notesOf(plan, unpriced, settings),
    };
  }
}

/** Models without a known price. */
function unpricedOf({ branches }: ForkPlan, prices: PriceList): string[] {
  const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
  const unpriced = branches.filter(({ model, fast }) => prices.cost(model, { ...usage, fast }) === null);
  return [...new Set(unpriced.map(({ model, fast }) => (fast ? `${model} (fast mode)` : model)))];
}

/** The demo’s model answers on this machine; Claude Code asks whomever it is logged in to. */
function isBilled({ provider, executor }: ForkPlan): boolean {
  return provider === 'anthropic' || executor === 'claude-code';
}

function notesOf(plan: ForkPlan, unpriced: readonly string[], settings: RunSettings): string[] {
  const notes: string[] = [];
  const left = leftOutNote(settings, plan.executor);
  if (left !== null) notes.push(left);
  const size = sizeWarning(plan.missing);
  if (size !== null) notes.push(size);
  if (!isBilled(plan)) notes.push('The offline demo model answers: nothing leaves this machine and nothing is billed.');
  if (plan.budgetUsd !== null && unpriced.length > 0) {
    notes.push(`The budget can't be kept for ${unpriced.join(', ')}: no price is known.`);
  }
  return notes;
}
