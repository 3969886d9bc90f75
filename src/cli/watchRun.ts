import { describeQuestion } from '../core/agent/describeQuestion.ts';
import type { ForkPlan } from '../core/fork/forkPlan.ts';
import { oneLine, plural } from '../core/format.ts';
import type { RunId } from '../core/ids.ts';
import type { BranchEvent } from '../core/run/branchEvent.ts';
import { foldRun } from '../core/run/foldRun.ts';
import type { RunView } from '../core/run/runView.ts';
import type { CliContext } from './context.ts';

/**
 * Waits for a run's end: shows how it goes on, prints its events where `--events` asks for them, and cancels it when the
 * process is interrupted.
 */
export async function watchRun(
  context: CliContext,
  runId: RunId,
  options: { events?: boolean } = {},
): Promise<RunView> {
  const { forks, runs } = await context.services();
  const plan = await runs.plan(runId);
  const stop = new AbortController();
  const following = follow(context, plan, runs.follow(runId, stop.signal), options.events === true);
  const cancel = (): void => {
    context.terminal.note('Cancelling…');
    forks.cancel(runId).catch((error: unknown) => context.terminal.error(error));
  };
  context.interrupted.addEventListener('abort', cancel);
  if (context.interrupted.aborted) cancel();
  try {
    const view = await forks.whenEnded(runId);
    // The end is in the log: the follower gets to it by itself.
    await following;
    return view;
  } finally {
    stop.abort();
    context.interrupted.removeEventListener('abort', cancel);
  }
}

async function follow(
  context: CliContext,
  plan: ForkPlan,
  events: AsyncIterable<BranchEvent>,
  print: boolean,
): Promise<void> {
  const seen: BranchEvent[] = [];
  const starts = { wanted: 0, ended: 0 };
  for await (const event of events) {
    seen.push(event);
    if (print) context.terminal.printJson(event);
    else if (event.type === 'retrying') noteRetry(context, plan, event);
    else if (event.type === 'question-asked') noteQuestion(context, plan, event);
    else context.terminal.progress(progressOf(foldRun(plan, seen)));
    if (event.type === 'run-started') starts.wanted += 1;
    if (event.type === 'run-ended') starts.ended += 1;
    // A run that was retried has several ends in its log; the last start's end is the one.
    if (event.type === 'run-ended' && starts.ended >= starts.wanted && isLast(plan, seen)) return;
  }
}

function isLast(plan: ForkPlan, seen: readonly BranchEvent[]): boolean {
  const { state } = foldRun(plan, seen);
  return state !== 'running' && state !== 'pending';
}

function noteRetry(context: CliContext, plan: ForkPlan, event: Extract<BranchEvent, { type: 'retrying' }>): void {
  const name = plan.branches.find(({ branchId }) => branchId === event.branchId)?.name ?? event.branchId;
  context.terminal.note(
    `${oneLine(name, 40)}: ${oneLine(event.error.message, 400)} Asking again in ${(event.delayMs / 1000).toFixed(1)} s.`,
  );
}

function noteQuestion(
  context: CliContext,
  plan: ForkPlan,
  { runId, branchId, question }: Extract<BranchEvent, { type: 'question-asked' }>,
): void {
  const name = plan.branches.find((branch) => branch.branchId === branchId)?.name ?? branchId;
  context.terminal.note(`${oneLine(name, 40)} asks: ${oneLine(describeQuestion(question), 400)}`);
  context.terminal.note(`      forkpoint approve|deny ${runId} ${branchId} ${question.callId}`);
}

function progressOf(view: RunView): string {
  const done = view.branches.filter(({ state }) => state !== 'running' && state !== 'pending').length;
  const running = view.branches.filter(({ state }) => state === 'running').map(({ name }) => name);
  const words = view.branches.reduce((sum, { text }) => sum + text.length, 0);
  return `${done} of ${plural(view.branches.length, 'branch', 'branches')} done · ${running.join(', ')} · ${words} characters`;
}
