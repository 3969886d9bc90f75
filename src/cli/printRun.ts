import { oneLine } from '../core/format.ts';
import type { RunView } from '../core/run/runView.ts';
import type { CliContext } from './context.ts';
import { agentLines, failureLines, runJson, runTable } from './runReport.ts';

/** Prints a run's state: its branches as a table, and what went wrong. */
export function printRun(context: CliContext, view: RunView): void {
  const { terminal } = context;
  if (terminal.json) return terminal.printJson(runJson(view));
  terminal.print(
    `${view.runId} · ${oneLine(view.title, 60)} · ${view.interrupted ? 'interrupted' : view.state} · ${view.engine}`,
  );
  terminal.print(runTable(view, terminal.colors));
  for (const line of [...agentLines(view), ...failureLines(view)]) terminal.print(line);
}
