import type { BlobStore } from '../blobStore.ts';
import type { Clock } from '../clock.ts';
import { BadInputError, NotFoundError } from '../errors.ts';
import { type ForkPlan, recordedAnswersSchema, scheduleNameSchema } from '../fork/forkPlan.ts';
import type { Asked } from '../fork/forkRequest.ts';
import { type RunId, runIdSchema } from '../ids.ts';
import type { RunStore } from '../run/ports.ts';
import type { RunState, RunView } from '../run/runView.ts';
import type { Sha256 } from '../sha256.ts';
import { checkCron } from './checkCron.ts';
import type { ForkService } from './forkService.ts';
import { scheduledRunId } from './scheduledRunId.ts';
import type {
  ScheduleDraft,
  Scheduled,
  ScheduleEngine,
  ScheduleOrder,
  ScheduleService,
  ScheduleState,
  ScheduleView,
} from './schedules.ts';

export interface ScheduleServiceDeps {
  forks: Pick<ForkService, 'plan' | 'previewStored' | 'run'>;
  runs: Pick<RunStore, 'plan'>;
  blobs: BlobStore;
  /** Made when first needed: Temporal's client is heavy. */
  engine: () => Promise<ScheduleEngine>;
  clock: Clock;
  sha256: Sha256;
  /** IANA name of this machine's time zone. */
  timezone: () => string;
  /** What the one who fires needs to know to plan as this process would. */
  planning: Pick<ScheduleOrder, 'claudeDirs' | 'claudePath' | 'extensionFolders' | 'provider'>;
}

/** How often a triggered schedule is looked at until its runs are there. */
const lookEveryMs = 200;

/** Schedules on the given engine. */
export function createScheduleService(deps: ScheduleServiceDeps): ScheduleService {
  return new Service(deps);
}

class Service implements ScheduleService {
  constructor(private readonly deps: ScheduleServiceDeps) {}

  check({ name, cron, timezone, items }: ScheduleDraft): void {
    checkCron(cron);
    checkName(name);
    checkTimezone(timezone);
    if (items.length === 0)
      throw new BadInputError('Nothing is put on the schedule.', 'Name a fork, sessions or a run.');
    for (const item of items) if (item.kind !== 'run') checkEngine(item);
  }

  async previewRun(runId: RunId): ReturnType<ScheduleService['previewRun']> {
    return this.deps.forks.previewStored(await this.deps.runs.plan(runId));
  }

  async create(draft: ScheduleDraft): ReturnType<ScheduleService['create']> {
    this.check(draft);
    const { blobs, planning, timezone } = this.deps;
    const engine = await this.deps.engine();
    const stored = await Promise.all(draft.items.map((item) => this.stored(item)));
    const [first] = stored;
    if (first === undefined) throw new Error('A schedule has an item.');
    const order: ScheduleOrder = {
      version: 1,
      items: await Promise.all(stored.map(async ({ asked, plan }) => ({ asked, plan: await blobs.put(plan) }))),
      ...planning,
      provider: first.plan.provider,
    };
    const { kind, session } = first.plan;
    const name = draft.name ?? `${kind}-${session.sessionId.slice(0, 8).replace(/[^\w.-]/g, '-')}`;
    await engine.create({
      name,
      cron: checkCron(draft.cron),
      timezone: draft.timezone ?? timezone(),
      order: await blobs.put(order),
      sessions: stored.map(({ plan }) => plan.session.sessionId),
    });
    return { ...(await this.view(await engine.state(name))), worker: await engine.ensureWorker() };
  }

  async list(): Promise<ScheduleView[]> {
    const states = await (await this.deps.engine()).list();
    return Promise.all(states.map((state) => this.view(state)));
  }

  async pause(name: string): Promise<ScheduleView> {
    return this.paused(name, true);
  }

  async resume(name: string): ReturnType<ScheduleService['resume']> {
    const view = await this.paused(name, false);
    return { ...view, worker: await (await this.deps.engine()).ensureWorker() };
  }

  async trigger(
    name: string,
    { waitMs = 0, signal }: Parameters<ScheduleService['trigger']>[1] = {},
  ): Promise<ScheduleView> {
    const { clock } = this.deps;
    const engine = await this.deps.engine();
    const before = (await engine.state(name)).firing?.id;
    await engine.ensureWorker();
    await engine.trigger(name);
    for (const until = clock.now() + waitMs; ; ) {
      const state = await engine.state(name);
      const view = await this.view(state);
      const isThere = state.firing !== null && state.firing.id !== before && !(await this.isAwaited(view));
      if (isThere || clock.now() >= until || signal?.aborted === true) return view;
      await clock.sleep(lookEveryMs, signal);
    }
  }

  async delete(name: string): Promise<void> {
    await (await this.deps.engine()).delete(name);
  }

  private async paused(name: string, paused: boolean): Promise<ScheduleView> {
    const engine = await this.deps.engine();
    await engine.pause(name, paused);
    return this.view(await engine.state(name));
  }

  /** Is its last firing yet to come to runs? */
  private async isAwaited({ last }: ScheduleView): Promise<boolean> {
    if (last === null || last.error !== null) return false;
    const known = await Promise.all(last.runs.map(({ runId }) => this.known(runId)));
    return known.some((view) => view === null);
  }

  private known(runId: RunId): Promise<RunView | null> {
    return this.deps.forks.run(runId).catch((error: unknown) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
  }

  private async view({ firing, order: _order, ...state }: ScheduleState): Promise<ScheduleView> {
    if (firing === null) return { ...state, isUnderWay: false, last: null };
    const { id, at, failure } = firing;
    const ids = state.sessions.map((_session, index) => scheduledRunId(id, index, this.deps.sha256));
    const views = await Promise.all(ids.map((runId) => this.known(runId)));
    const runs = ids.flatMap((runId, index) => {
      const view = views[index];
      if (view != null) return [{ runId, state: view.state, changes: view.schedule?.changes ?? null }];
      // Its run is being made, or waits for a worker; one that was there is deleted.
      return firing.state === 'running' ? [{ runId, state: 'pending' as const, changes: null }] : [];
    });
    const whole = runs.length > 0 ? together(runs.map((run) => run.state)) : firing.state;
    return {
      ...state,
      isUnderWay: firing.state === 'running',
      last: { runId: runs[0]?.runId ?? null, state: whole, at, runs, error: failure },
    };
  }

  private async stored(item: Scheduled): Promise<{ asked: Asked | null; plan: ForkPlan }> {
    if (item.kind === 'run') {
      const { schedule: _schedule, ...plan } = await this.deps.runs.plan(item.runId);
      return { asked: null, plan: { ...plan, engine: 'temporal' } };
    }
    // Made to be stored by reference; no run has this id.
    const plan = await this.deps.forks.plan(item, runIdSchema.parse('scheduled'));
    return { asked: await this.pinned(item, plan), plan };
  }

  /** What would come out otherwise on another day, or in another process, is settled now: session, executor, last turn. */
  private async pinned(item: Asked, plan: ForkPlan): Promise<Asked> {
    const settled = { session: plan.session.file, executor: plan.executor };
    if (item.kind === 'fork') return { ...item, request: { ...item.request, ...settled } };
    const [branch] = plan.branches;
    const recording = branch && recordedAnswersSchema.parse(await this.deps.blobs.get(branch.recording));
    const to = recording?.turns.at(-1)?.turn;
    return { ...item, request: { ...item.request, ...settled, ...(to !== undefined && { to }) } };
  }
}

function together(states: readonly RunState[]): RunState {
  const order: RunState[] = ['running', 'pending', 'failed', 'cancelled'];
  return order.find((state) => states.includes(state)) ?? 'completed';
}

function checkEngine({ request }: Asked): void {
  if (request.engine === 'temporal') return;
  throw new BadInputError(
    'A schedule can’t run in-process: nobody would be there when it is time.',
    'Set the engine to temporal, or leave it out.',
    { path: 'engine' },
  );
}

function checkName(name: string | undefined): void {
  const problem = name === undefined ? undefined : scheduleNameSchema.safeParse(name).error?.issues[0]?.message;
  if (problem === undefined) return;
  throw new BadInputError(`${JSON.stringify(name)} can’t be the name of a schedule.`, problem, { path: 'name' });
}

function checkTimezone(timezone: string | undefined): void {
  if (timezone === undefined) return;
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    throw new BadInputError(
      `There is no time zone ${JSON.stringify(timezone)}.`,
      'Write an IANA name such as Europe/Berlin or UTC.',
      { path: 'timezone' },
    );
  }
}
