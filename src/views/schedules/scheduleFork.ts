import * as vscode from 'vscode';
import { EngineUnavailableError, messageOf, NotConfirmedError } from '../../core/errors.ts';
import { scheduleNameSchema } from '../../core/fork/forkPlan.ts';
import { oneLine } from '../../core/format.ts';
import type { RunId } from '../../core/ids.ts';
import { messageSafe } from '../../core/plainText.ts';
import type { RunView } from '../../core/run/runView.ts';
import { checkCron } from '../../core/useCases/checkCron.ts';
import type { ScheduleDraft } from '../../core/useCases/schedules.ts';
import { runCommand } from '../commands.ts';
import type { RunTarget } from '../commandTable.ts';
import { type DispatchDeps, requireTrust } from '../dispatchRun.ts';
import type { Pickers } from '../pickers.ts';
import { askText, choice, kept, pickOne, type StepOptions, type StepResult, walk } from '../quickInput.ts';
import { showError } from '../showError.ts';
import { cronPresets, firingDetail, localTime, scheduleQuestion } from './scheduleTexts.ts';

const title = 'Schedule This Fork';

type Step = NonNullable<StepOptions['step']>;

/** Asks when a run is to be sent again, and what the schedule is called; shows what each firing sends; makes the schedule. */
export async function scheduleFork(given: RunTarget | undefined, pickers: Pickers, deps: DispatchDeps): Promise<void> {
  requireTrust();
  const target = await pickers.run(given, title, () => true, 'There is no run to put on a schedule.');
  if (target === undefined) return;
  const { runId } = target;
  const { forks } = await deps.services.get();
  const run = await forks.run(runId);
  const draft = { cron: '0 3 * * *', name: `${run.kind}-${run.session.sessionId.slice(0, 8)}` };
  const done = await walk([
    (step) => kept(askCron(draft.cron, step), (cron) => (draft.cron = cron)),
    (step) => kept(askName(draft.name, step), (name) => (draft.name = name)),
  ]);
  if (!done || !(await isAgreed(runId, run, draft.cron, deps))) return;
  await create({ ...draft, items: [{ kind: 'run', runId }] }, deps);
}

async function askCron(cron: string, step: Step): Promise<StepResult<string>> {
  const own = 'own';
  const choices = [
    ...cronPresets.map((preset) => choice(preset.cron, preset.label, preset.cron)),
    choice(own, 'Another time…', 'as a cron expression'),
  ];
  const picked = await pickOne(choices, { title, placeholder: 'When', step, active: cron });
  if (picked !== own) return picked;
  return askText({
    title,
    placeholder: 'Minute, hour, day of month, month, day of week: 0 3 * * 1-5',
    step,
    value: cron,
    validate: (text) => problemOf(() => checkCron(text)),
  });
}

function askName(name: string, step: Step): Promise<StepResult<string>> {
  const validate = (text: string) => scheduleNameSchema.safeParse(text).error?.issues[0]?.message;
  return askText({ title, placeholder: 'Name of the schedule', step, value: name, validate });
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Each firing may cost money, with nobody there to ask. */
async function isAgreed(runId: RunId, run: RunView, cron: string, { services }: DispatchDeps): Promise<boolean> {
  const { schedules, runs } = await services.get();
  const [preview, plan] = [await schedules.previewRun(runId), await runs.plan(runId)];
  if (plan.agent?.permissions === 'bypass') {
    throw new NotConfirmedError(
      'The agents of this run ask nothing. That is not put on a schedule with a click.',
      'Schedule it with `forkpoint schedule create --run`, where --i-know agrees to it.',
    );
  }
  const { executor, budgetUsd } = run;
  const isTold = `It is sent on Temporal as it was: ${oneLine(run.point.label, 80)}.`;
  const detail = messageSafe(firingDetail(preview, { executor, budgetUsd, isTold }));
  const question = messageSafe(scheduleQuestion(run.title, cron));
  const label = 'Schedule';
  return (await vscode.window.showWarningMessage(question, { modal: true, detail }, label)) === label;
}

async function create(draft: ScheduleDraft, deps: DispatchDeps): Promise<void> {
  const { schedules, temporal } = await deps.services.get();
  const busy = { location: vscode.ProgressLocation.Notification, title: 'Making the schedule' };
  try {
    const made = await vscode.window.withProgress(busy, () => schedules.create(draft));
    const next = made.next === null ? '' : ` It fires next at ${localTime(made.next)}.`;
    const show = 'Show Schedules';
    if ((await vscode.window.showInformationMessage(`Schedule ${made.name} is set.${next}`, show)) === show) {
      await runCommand('forkpoint.showSchedules');
    }
  } catch (error) {
    if (!(error instanceof EngineUnavailableError)) throw error;
    await showError(error, deps.log, {
      'Start Dev Server': async () => {
        await vscode.window.withProgress({ ...busy, title: 'Starting the Temporal dev server' }, () =>
          temporal.startServer(),
        );
        await create(draft, deps);
      },
    });
  }
}
