import { describeQuestion } from '../core/agent/describeQuestion.ts';
import type { ForkPlan } from '../core/fork/forkPlan.ts';
import { oneLine, plural } from '../core/format.ts';
import type { RunId } from '../core/ids.ts';
import type { BranchEvent } from '../core/run/branchEvent.ts';
import { foldRun } from '../core/run/foldRun.ts';
import { nameOf } from '../core/run/nameOf.ts';
import type { BranchView, RunView } from '../core/run/runView.ts';
import type { CliContext } from './context.ts';
import { questionLines } from './questionLines.ts';
import { QuestionPrompt } from './questionPrompt.ts';

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
  const before = await runs.events(runId);
  const stop = new AbortController();
  const prompt =
    context.terminal.interactive && options.events !== true && !context.terminal.json
      ? new QuestionPrompt(context.terminal, ({ branchId, question }, answer) =>
          forks.answer(runId, branchId, question.callId, answer),
        )
      : null;
  const following = follow(context, { plan, before, reload: () => runs.plan(runId) }, runs.follow(runId, stop.signal), {
    print: options.events === true,
    prompt,
  });
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
    prompt?.close();
    context.interrupted.removeEventListener('abort', cancel);
  }
}

async function follow(
  context: CliContext,
  run: { plan: ForkPlan; before: readonly BranchEvent[]; reload: () => Promise<ForkPlan> },
  events: AsyncIterable<BranchEvent>,
  { print, prompt }: { print: boolean; prompt: QuestionPrompt | null },
): Promise<void> {
  const seen: BranchEvent[] = [];
  const starts = { wanted: 0, ended: 0 };
  const open = new Set(openCalls(foldRun(run.plan, run.before)));
  let { plan } = run;
  // What was asked of an earlier process may wait no more.
  const isNew = ({ question }: Extract<BranchEvent, { type: 'question-asked' }>): boolean =>
    seen.length > run.before.length || open.has(question.callId);
  for await (const event of events) {
    seen.push(event);
    if (event.type === 'branch-added') plan = await run.reload();
    if (print) context.terminal.printJson(event);
    else if (event.type === 'retrying') noteRetry(context, plan, event);
    else if (event.type === 'question-asked') {
      if (isNew(event)) noteQuestion(context, plan, event);
    } else context.terminal.progress(progressOf(foldRun(plan, seen)));
    if (event.type === 'question-asked' && isNew(event)) prompt?.add(event);
    if (event.type === 'question-answered') prompt?.remove(event.callId);
    if (event.type === 'run-started') starts.wanted += 1;
    if (event.type === 'run-ended') starts.ended += 1;
    // A run that was retried has several ends in its log; the last start's end is the one.
    if (event.type === 'run-ended' && starts.ended >= starts.wanted && isLast(plan, seen)) return;
  }
}

function openCalls({ branches }: RunView): string[] {
  return branches.flatMap(({ questions }) => questions.map(({ callId }) => callId));
}

function isLast(plan: ForkPlan, seen: readonly BranchEvent[]): boolean {
  const { state } = foldRun(plan, seen);
  return state !== 'running' && state !== 'pending';
}

function noteRetry(context: CliContext, plan: ForkPlan, event: Extract<BranchEvent, { type: 'retrying' }>): void {
  context.terminal.note(
    `${nameIn(plan, event.branchId)}: ${oneLine(event.error.message, 400)} Asking again in ${(event.delayMs / 1000).toFixed(1)} s.`,
  );
}

function noteQuestion(
  context: CliContext,
  plan: ForkPlan,
  { runId, branchId, question }: Extract<BranchEvent, { type: 'question-asked' }>,
): void {
  const [asks = '', ...rest] = questionLines(question, { runId, branchId });
  context.terminal.note([`${nameIn(plan, branchId)} ${asks}`, ...rest].join('\n'));
}

function nameIn(plan: ForkPlan, branchId: string): string {
  const branch = plan.branches.find((candidate) => candidate.branchId === branchId);
  return oneLine(branch === undefined ? branchId : nameOf(branch), 40);
}

function progressOf(view: RunView): string {
  const done = view.branches.filter(({ state }) => ['completed', 'failed', 'cancelled'].includes(state)).length;
  const running = view.branches.filter(({ state }) => state === 'running').map(atWork);
  const waiting = view.branches.filter(({ waitingFor }) => waitingFor === 'answer').length;
  if (waiting > 0) running.push(waiting === 1 ? '1 waits for an answer' : `${waiting} wait for an answer`);
  const words = view.branches.reduce((sum, { text }) => sum + text.length, 0);
  return `${done} of ${plural(view.branches.length, 'branch', 'branches')} done · ${running.join(', ')} · ${words} characters`;
}

/** A branch's name, with the call that an agent waits for. */
function atWork(branch: BranchView): string {
  const call = branch.toolCalls.at(-1);
  const isOpen = call !== undefined && branch.sessionId !== null && branch.toolResults[call.id] === undefined;
  const name = oneLine(nameOf(branch), 40);
  return isOpen ? `${name}: ${oneLine(describeQuestion({ tool: call.name, input: call.input }), 40)}` : name;
}
