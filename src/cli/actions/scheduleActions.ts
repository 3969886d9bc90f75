import { BadInputError } from '../../core/errors.ts';
import type { ReplayRequest } from '../../core/fork/forkRequest.ts';
import { money, oneLine, plural } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { sumOf } from '../../core/run/sumOf.ts';
import type { ScheduleDraft, Scheduled, ScheduleView } from '../../core/useCases/schedules.ts';
import { confirmSending } from '../confirmSending.ts';
import { type CliContext, runIdOf } from '../context.ts';
import {
  checkBypass,
  checkDemo,
  checkExecutor,
  type ForkOptions,
  forkRequestOf,
  type RunOptions,
  replayRequestOf,
} from '../forkOptions.ts';
import { dryRunEnd, previewLines, type Sending } from '../previewLines.ts';
import { schedulesTable } from '../scheduleReport.ts';

interface CreateOptions extends ForkOptions {
  cron: string;
  name?: string;
  timezone?: string;
  replay?: string[];
  run?: string;
  from?: number;
  to?: number;
  model?: string[];
  repeats?: number;
  dryRun?: boolean;
}

/** How long a triggered schedule is waited for until its runs are there, in milliseconds. */
const triggerMs = 30_000;

/** `schedule create` */
export async function create(context: CliContext): Promise<number> {
  const options = context.options as CreateOptions;
  const { terminal } = context;
  const { schedules } = await context.services();
  const { cron, name, timezone } = options;
  const draft: ScheduleDraft = { cron, name, timezone, items: await itemsOf(context, options) };
  schedules.check(draft);
  const sending = await previewed(context, draft.items);
  if (options.dryRun === true) {
    if (terminal.json) terminal.printJson({ preview: sending });
    else terminal.print(dryRunEnd(sending));
    return 0;
  }
  await confirmSending(context, sending);
  context.interrupted.throwIfAborted();
  const { worker, ...made } = await schedules.create(draft);
  print(context, [made]);
  noteWorker(context, worker);
  return 0;
}

/** `schedule list` */
export async function list(context: CliContext): Promise<number> {
  const { schedules, temporal } = await context.services();
  const all = await schedules.list();
  print(context, all);
  if (all.some(({ paused }) => !paused) && (await temporal.status()).workers.length === 0) noteWorker(context, false);
  return 0;
}

/** `schedule pause` */
export async function pause(context: CliContext, name: string): Promise<number> {
  const { schedules } = await context.services();
  print(context, [await schedules.pause(name)]);
  return 0;
}

/** `schedule resume` */
export async function resume(context: CliContext, name: string): Promise<number> {
  const { schedules } = await context.services();
  const { worker, ...resumed } = await schedules.resume(name);
  print(context, [resumed]);
  noteWorker(context, worker);
  return 0;
}

/** `schedule trigger`. What a firing costs was agreed to when the schedule was made. */
export async function trigger(context: CliContext, name: string): Promise<number> {
  const { schedules } = await context.services();
  const view = await schedules.trigger(name, { waitMs: triggerMs, signal: context.interrupted });
  print(context, [view]);
  for (const { runId } of view.last?.runs ?? []) context.terminal.note(`Run ${runId}`);
  return view.last?.error === null || view.last === null ? 0 : 1;
}

/** `schedule delete` */
export async function deleteSchedule(context: CliContext, name: string): Promise<number> {
  const { schedules } = await context.services();
  await schedules.delete(name);
  if (context.terminal.json) context.terminal.printJson({ deleted: name, schedules: await schedules.list() });
  else context.terminal.print(`Deleted ${name}. Its runs stay.`);
  return 0;
}

/** What is put on the schedule. Where nothing names an engine, it is Temporal: no other has schedules. */
async function itemsOf(context: CliContext, options: CreateOptions): Promise<Scheduled[]> {
  const { file, replay, run } = options;
  const asTemporal = { ...options, engine: options.engine ?? 'temporal' };
  if (file !== undefined) {
    const request = await forkRequestOf(undefined, null, options, { engine: 'temporal' });
    checkAgreed(context, request);
    return [{ kind: 'fork', request }];
  }
  if (replay !== undefined) {
    const requests = replay.map((session): ReplayRequest => replayRequestOf(session, asTemporal));
    for (const request of requests) checkAgreed(context, request);
    return requests.map((request) => ({ kind: 'replay', request }));
  }
  if (run !== undefined) return [{ kind: 'run', runId: await runIdOf(context, run) }];
  throw new BadInputError(
    'Nothing is put on the schedule.',
    'Name a fork file (--file FORK), sessions to replay (--replay SESSION…) or a run to send again (--run RUN).',
    { path: 'file' },
  );
}

function checkAgreed(context: CliContext, request: ReplayRequest | Awaited<ReturnType<typeof forkRequestOf>>): void {
  checkBypass(request.permissions, context.options as RunOptions);
  checkDemo(request, context.options);
}

/** Says what each firing sends. @returns all of it together */
async function previewed(context: CliContext, items: readonly Scheduled[]): Promise<Sending> {
  const { terminal } = context;
  const parts: Sending[] = [];
  for (const item of items) {
    const { sending, lines } = await previewOf(context, item);
    parts.push(sending);
    for (const line of lines) terminal.note(line);
  }
  const [first] = parts;
  if (first === undefined) throw new Error('A schedule has an item.');
  const costs = parts.map(({ costUsd }) => costUsd);
  const [low, high] = [sumOf(costs.map((cost) => cost?.low ?? null)), sumOf(costs.map((cost) => cost?.high ?? null))];
  return {
    billed: parts.some(({ billed }) => billed),
    host: first.host,
    executor: first.executor,
    // One without a place says so for all.
    agent: parts.find(({ agent }) => agent?.place === null)?.agent ?? first.agent,
    requests: parts.reduce((sum, { requests }) => sum + requests, 0),
    costUsd: low === null || high === null ? null : { low, high },
    when: 'each time it fires',
  };
}

async function previewOf(context: CliContext, item: Scheduled): Promise<{ sending: Sending; lines: string[] }> {
  if (item.kind === 'run') return previewOfRun(context, item.runId);
  const { forks } = await context.services();
  const preview = await (item.kind === 'fork' ? forks.preview(item.request) : forks.previewReplay(item.request));
  checkExecutor(preview.executor, context.options as RunOptions);
  const { budgetUsd } = item.request;
  const budget = budgetUsd === undefined ? [] : [`  Budget of each run: ${money(budgetUsd)}`];
  return { sending: preview, lines: [...previewLines(preview), ...budget] };
}

async function previewOfRun(context: CliContext, runId: RunId): Promise<{ sending: Sending; lines: string[] }> {
  const { forks, runs, schedules } = await context.services();
  const [view, plan, preview] = [await forks.run(runId), await runs.plan(runId), await schedules.previewRun(runId)];
  checkBypass(plan.agent?.permissions, context.options as RunOptions);
  const requests = preview.branches.length;
  const budget = view.budgetUsd === null ? '' : ` · budget ${money(view.budgetUsd)}`;
  return {
    sending: { ...preview, requests, executor: view.executor, agent: null },
    lines: [`Run ${runId} · ${oneLine(view.title, 60)} · ${plural(requests, 'branch', 'branches')}${budget}`],
  };
}

function print({ terminal }: CliContext, views: readonly ScheduleView[]): void {
  if (terminal.json) terminal.printJson({ schedules: views });
  else if (views.length === 0) terminal.note('No schedules yet. Make one with `forkpoint schedule create`.');
  else terminal.print(schedulesTable(views, Date.now()));
}

/** Somebody has to be there when it fires. */
function noteWorker({ terminal }: CliContext, worker: boolean): void {
  terminal.note(
    worker
      ? 'A worker is there, and stays while a schedule is active. After a restart of this machine start one with `forkpoint worker`: until then what fires waits.'
      : 'No worker is there: what fires waits until one is. Start it with `forkpoint worker`.',
  );
}
