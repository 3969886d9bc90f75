import { readFile } from 'node:fs/promises';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { Strike } from './chaosStrikes.ts';
import type { ReceivedRequest } from './messagesApi.ts';

/** A strike that was carried out. Times by `performance.now()`. */
export interface Struck {
  strike: Strike;
  atEvent: number;
  from: number;
  /** When it was over. */
  to: number;
  /** Replies that the log had when it began, by call: `branch/step`. */
  known: ReadonlyMap<string, string>;
  /** Calls that the log said were sent when it was over. */
  sent: readonly string[];
}

/** These make no call: where one is made again after them, that is a fault. */
const harmless: ReadonlySet<Strike> = new Set(['host', 'cli', 'clock']);

/** A call that was handed out before everything stood still is made when it wakes, and taken for lost at the same time. */
const afterMs: Partial<Record<Strike, number>> = { server: 3_000, network: 3_000, sleep: 3_000 };

/** What became of a run under one strike. */
export interface Figures {
  strike: Strike;
  atEvent: number;
  underWay: number;
  /** Calls that were made again because nobody knows what became of them. */
  unknown: number;
  /** Replies that the log had once and has no more. */
  lost: number;
  /** Calls that were made again without a reason, branches that began or ended twice, replies that stand in the log twice. */
  doubles: number;
}

export interface Findings {
  figures: Figures[];
  /** Everything that must not be, in words. Empty: all is well. */
  faults: string[];
}

const callOf = (branch: string, step: number): string => `${branch}/${step}`;

/** How requests tell which call they are. */
export interface Calls {
  nameIn(request: ReceivedRequest): string;
  stepIn(request: ReceivedRequest): number;
}

/** Calls whose reply stands in the log, with the reply's reference. */
export function repliesIn(plan: ForkPlan, events: readonly BranchEvent[]): Map<string, string> {
  const names = new Map(plan.branches.map(({ branchId, name }) => [branchId, name]));
  const replies = new Map<string, string>();
  for (const event of events)
    if (event.type === 'step-completed')
      replies.set(callOf(names.get(event.branchId) ?? '', event.result.step), event.result.reply);
  return replies;
}

/** Calls that the log says were sent. */
export function sentIn(plan: ForkPlan, events: readonly BranchEvent[]): string[] {
  const names = new Map(plan.branches.map(({ branchId, name }) => [branchId, name]));
  return events.flatMap((event) =>
    event.type === 'request-sent' ? callOf(names.get(event.branchId) ?? '', event.step) : [],
  );
}

/** Calls that were under way at a strike: no more than one of each branch. */
function underWayAt(
  { strike, known, sent, to }: Struck,
  requests: readonly ReceivedRequest[],
  { nameIn, stepIn }: Calls,
): Set<string> {
  const open = new Map<string, string>();
  for (const call of sent) if (!known.has(call)) open.set(call.split('/')[0] ?? '', call);
  const until = to + (afterMs[strike] ?? 0);
  for (const request of requests) {
    const call = callOf(nameIn(request), stepIn(request));
    if (known.has(call) || request.at > until || (request.at > to && open.has(nameIn(request)))) continue;
    open.set(nameIn(request), call);
  }
  return new Set(open.values());
}

/** Looks at a run that is through. @param steps of each branch */
export async function findingsOf(
  run: { plan: ForkPlan; events: readonly BranchEvent[]; requests: readonly ReceivedRequest[]; logFile: string },
  struck: readonly Struck[],
  { steps, blobs, calls }: { steps: number; blobs: BlobStore; calls: Calls },
): Promise<Findings> {
  const { plan, events, requests } = run;
  const faults: string[] = [];
  const underWay = struck.map((one) => underWayAt(one, requests, calls));
  const figures = struck.map(({ strike, atEvent }, index) => ({
    strike,
    atEvent,
    underWay: underWay[index]?.size ?? 0,
    unknown: 0,
    lost: 0,
    doubles: 0,
  }));
  const view = foldRun(plan, events);
  if (view.state !== 'completed') faults.push(`The run is ${view.state}.`);
  for (const { name, state, results, text, error } of view.branches) {
    const said = Array.from({ length: steps }, (_, index) => `${name} says ${index + 1}.`).join('\n\n');
    if (state !== 'completed' || results.length !== steps)
      faults.push(`Branch ${name} is ${state} with ${results.length} replies: ${error?.message}`);
    else if (text !== said) faults.push(`Branch ${name} lost words: ${text}`);
    const replies = results.map(({ reply }) => blobs.get(reply));
    await Promise.all(replies).catch((reason: unknown) => faults.push(`A reply of ${name} is gone: ${String(reason)}`));
  }
  findLost(
    struck,
    figures,
    new Map(
      view.branches.flatMap(({ name, results }) => results.map((result) => [callOf(name, result.step), result.reply])),
    ),
    faults,
  );
  findRepeated(requests, { struck, underWay, figures }, calls, faults);
  for (const { strike, unknown, underWay } of figures)
    if (unknown > underWay)
      faults.push(`${unknown} calls are unknown after ${strike}, at which ${underWay} were under way.`);
  for (const { branchId, name, billing } of view.branches) {
    const own = events.filter((event) => 'branchId' in event && event.branchId === branchId);
    const count = (type: BranchEvent['type']): number => own.filter((event) => event.type === type).length;
    const again = count('branch-reset');
    for (const type of ['branch-started', 'branch-ended'] as const)
      if (count(type) > 1 + again) doubled(`${type} of ${name} is in the log ${count(type)} times, of ${1 + again}.`);
    for (let step = 1; step <= steps; step += 1) {
      const inLog = own.filter((event) => event.type === 'step-completed' && event.result.step === step).length;
      if (inLog > 1) doubled(`Reply ${step} of ${name} is in the log ${inLog} times.`);
    }
    const asked = requests.filter((request) => calls.nameIn(request) === name).length;
    if (asked > steps && billing !== 'unknown') faults.push(`Nothing says that calls of ${name} are unknown.`);
  }
  if (struck.some(({ strike }) => strike === 'database') && !endedInWords(events))
    faults.push('Nothing in the log says that the server no longer knew the run, and what to do.');
  faults.push(...(await unreadable(run.logFile, struck.length)));
  return { figures, faults };

  function doubled(what: string): void {
    faults.push(what);
    const last = figures.at(-1);
    if (last !== undefined) last.doubles += 1;
  }
}

/** Where the server lost its database a person reads so, and what the next step is; a run that was through is completed. */
function endedInWords(events: readonly BranchEvent[]): boolean {
  const errors = events.flatMap((event) => (event.type === 'branch-ended' ? (event.outcome.error ?? []) : []));
  const isSaid = errors.some(({ message, hint }) => /knows nothing of this run/.test(message) && /Resume/.test(hint));
  return isSaid || events.every((event) => event.type !== 'run-ended' || event.state === 'completed');
}

/** What the log had is there to the end. */
function findLost(
  struck: readonly Struck[],
  figures: Figures[],
  replies: ReadonlyMap<string, string>,
  faults: string[],
): void {
  const told = new Set<string>();
  for (const [index, { known, strike }] of struck.entries())
    for (const [call, reply] of known) {
      if (replies.get(call) === reply || told.has(call)) continue;
      told.add(call);
      faults.push(`Reply ${call} was there before ${strike}, and is lost.`);
      const before = figures[index];
      if (before !== undefined) before.lost += 1;
    }
}

/** Whoever is asked again was under way at a strike: one time more for each. */
function findRepeated(
  requests: readonly ReceivedRequest[],
  { struck, underWay, figures }: { struck: readonly Struck[]; underWay: ReadonlySet<string>[]; figures: Figures[] },
  { nameIn, stepIn }: Calls,
  faults: string[],
): void {
  const asked = new Map<string, number[]>();
  for (const request of requests) {
    const call = callOf(nameIn(request), stepIn(request));
    asked.set(call, [...(asked.get(call) ?? []), request.at]);
  }
  for (const [call, times] of asked)
    for (const [index, at] of times.slice(1).entries()) {
      const before = times[index] ?? 0;
      // The first of the two was under way, or had been answered and was not yet in the log.
      const of = struck.findLastIndex(({ from, strike, to }, nth) => {
        if (harmless.has(strike)) return false;
        return underWay[nth]?.has(call) === true && from < at && to + (afterMs[strike] ?? 0) > before;
      });
      const own = figures[of] ?? figures.findLast((_, last) => (struck[last]?.from ?? 0) < at);
      if (of === -1) {
        faults.push(`${call} was asked for again, though it was under way at no strike.`);
        if (own !== undefined) own.doubles += 1;
      } else if (own !== undefined) own.unknown += 1;
    }
}

/** Every line of the log is one that can be read, but for what a kill tore. */
async function unreadable(logFile: string, kills: number): Promise<string[]> {
  const torn = (await readFile(logFile, 'utf8')).split('\n').filter((line) => {
    try {
      return line !== '' && JSON.parse(line) === undefined;
    } catch {
      return true;
    }
  });
  return torn.length > kills ? [`${torn.length} lines of the log can't be read.`] : [];
}
