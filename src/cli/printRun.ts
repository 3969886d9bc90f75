import { oneLine } from '../core/format.ts';
import { describeRunChanges } from '../core/run/runChanges.ts';
import type { RunView } from '../core/run/runView.ts';
import { savedText } from '../core/run/savedText.ts';
import { detailLines, failedOutputs } from './agentReport.ts';
import type { CliContext } from './context.ts';
import { failureLines, runJson, runTable } from './runReport.ts';

/** Prints a run's state: its branches as a table, and what went wrong. */
export async function printRun(context: CliContext, view: RunView): Promise<void> {
  const { terminal } = context;
  if (terminal.json) return terminal.printJson(runJson(view));
  terminal.print(
    `${view.runId} · ${oneLine(view.title, 60)} · ${view.interrupted ? 'interrupted' : view.state} · ${view.engine}`,
  );
  await printBranches(context, view);
  for (const line of scheduleLines(view)) terminal.print(line);
}

/** Which schedule fired it, and what changed since the run before. */
function scheduleLines({ schedule }: RunView): string[] {
  if (schedule === null) return [];
  const { name, changes } = schedule;
  const since = changes === null ? '' : ` Since ${changes.previous}: ${describeRunChanges(changes)}.`;
  return [`Fired by schedule ${name}.${since}`];
}

/** Prints a run's branches as a table, what is to be known of them, and what went wrong. */
export async function printBranches(context: CliContext, view: RunView): Promise<void> {
  const { terminal } = context;
  const { blobs } = await context.services();
  const outputs = await failedOutputs(view.branches, 'setup', blobs);
  terminal.print(runTable(view, terminal.colors));
  const saved = savedText(view.branches);
  for (const line of [...(saved === null ? [] : [saved]), ...detailLines(view), ...failureLines(view), ...outputs])
    terminal.print(line);
}
