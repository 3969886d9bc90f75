// src/views/schedules: schedules as the user meets them: the commands, the questions they ask, the texts. Nothing is
// planned or started here: that happens on the server, at its time.

import * as vscode from 'vscode';
import { messageSafe } from '../../core/plainText.ts';
import type { ScheduleView } from '../../core/useCases/schedules.ts';
import type { CommandHandlers } from '../commands.ts';
import { type DispatchDeps, requireTrust } from '../dispatchRun.ts';
import type { Pickers } from '../pickers.ts';
import { type Choice, choice, pickOne } from '../quickInput.ts';
import { scheduleFork } from './scheduleFork.ts';
import { lastText, scheduleDescription } from './scheduleTexts.ts';

type ScheduleCommands = Pick<CommandHandlers, 'forkpoint.scheduleFork' | 'forkpoint.showSchedules'>;

type Act = 'show' | 'trigger' | 'pause' | 'resume' | 'delete';

export interface ScheduleCommandDeps extends DispatchDeps {
  pickers: Pickers;
  /** Shows a run in the Runs tree. */
  reveal: (runId: NonNullable<NonNullable<ScheduleView['last']>['runId']>) => Promise<void>;
}

/** Making schedules, and what can be done with those that there are. */
export function scheduleCommands(deps: ScheduleCommandDeps): ScheduleCommands {
  return {
    'forkpoint.scheduleFork': (run) => scheduleFork(run, deps.pickers, deps),
    'forkpoint.showSchedules': () => showSchedules(deps),
  };
}

async function showSchedules(deps: ScheduleCommandDeps): Promise<void> {
  requireTrust();
  const { schedules, temporal } = await deps.services.get();
  const reading = { location: vscode.ProgressLocation.Window, title: 'Reading the schedules' };
  const [all, { workers }] = await vscode.window.withProgress(reading, () =>
    Promise.all([schedules.list(), temporal.status()]),
  );
  if (all.length === 0) {
    const text = 'There are no schedules yet. “Schedule This Fork…” on a run in the Runs view makes one.';
    await vscode.window.showInformationMessage(text);
    return;
  }
  const now = Date.now();
  const rows: Choice<ScheduleView | null>[] = all.map((schedule) =>
    choice(schedule, schedule.name, scheduleDescription(schedule), lastText(schedule, now)),
  );
  if (workers.length === 0 && all.some(({ paused }) => !paused)) {
    const label = '$(warning) Start Worker';
    rows.unshift({ value: null, label, description: 'none is running: what fires waits until one is' });
  }
  const picked = await pickOne(rows, { title: 'Schedules', placeholder: 'Choose one to pause, run or delete it' });
  if (picked === undefined || picked === 'back') return;
  if (picked === null) return temporal.ensureWorker();
  const act = await pickOne(actsOf(picked), { title: `Schedule ${picked.name}`, placeholder: lastText(picked, now) });
  if (act === undefined || act === 'back') return;
  await carryOut(act, picked, deps);
}

function actsOf({ paused, last, isUnderWay }: ScheduleView): Choice<Act>[] {
  return [
    ...(last?.runId == null ? [] : [choice<Act>('show', 'Show Last Run', last.runId)]),
    ...(isUnderWay ? [] : [choice<Act>('trigger', 'Run Now', 'costs what each firing costs')]),
    paused ? choice<Act>('resume', 'Resume') : choice<Act>('pause', 'Pause', 'it fires no more until it is resumed'),
    choice<Act>('delete', 'Delete', 'its runs stay'),
  ];
}

async function carryOut(act: Act, { name, last }: ScheduleView, { services, reveal }: ScheduleCommandDeps) {
  const { schedules } = await services.get();
  const told = (text: string) => vscode.window.showInformationMessage(messageSafe(text));
  switch (act) {
    case 'show':
      if (last?.runId != null) await reveal(last.runId);
      return;
    case 'trigger':
      await schedules.trigger(name);
      await told(`Schedule ${name} runs now.`);
      return;
    case 'pause':
      await schedules.pause(name);
      await told(`Schedule ${name} is paused.`);
      return;
    case 'resume':
      await schedules.resume(name);
      await told(`Schedule ${name} is active again.`);
      return;
    case 'delete': {
      const label = 'Delete';
      const question = `Delete the schedule ${name}? Its runs stay.`;
      if ((await vscode.window.showWarningMessage(question, { modal: true }, label)) === label) {
        await schedules.delete(name);
      }
    }
  }
}
