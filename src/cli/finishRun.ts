import { BadInputError } from '../core/errors.ts';
import type { EngineKind } from '../core/fork/runChoices.ts';
import type { RunId } from '../core/ids.ts';
import { nextSteps } from './agentReport.ts';
import type { CliContext } from './context.ts';
import { printBranches } from './printRun.ts';
import { comparisonText, exitCodeOf, runJson } from './runReport.ts';
import { watchRun } from './watchRun.ts';

/** Whether and how a command waits for the run that it started. */
export interface SendingOptions {
  events?: boolean;
  detach?: boolean;
}

/** A run in this process ends with the process. @throws BadInputError */
export function checkDetach(engine: EngineKind, { detach }: SendingOptions): void {
  if (detach !== true || engine === 'temporal') return;
  const hint = 'Use --engine temporal, or leave --detach out.';
  throw new BadInputError('A run of the in-process engine ends with this process.', hint, { path: 'detach' });
}

/** Waits for a run that was started here, unless it is detached, and prints it. */
export async function finishRun(context: CliContext, runId: RunId): Promise<number> {
  const options = context.options as SendingOptions;
  const { terminal } = context;
  const { forks } = await context.services();
  if (options.detach === true) {
    const view = await forks.run(runId);
    if (terminal.json) terminal.printJson(runJson(view));
    else terminal.print(`Run ${runId} goes on. Wait for it with: forkpoint status ${runId} --wait`);
    return 0;
  }
  const view = await watchRun(context, runId, { events: options.events });
  const code = exitCodeOf(view, context.interrupted.aborted);
  if (options.events === true) return code;
  if (terminal.json) terminal.printJson(runJson(view));
  else {
    await printBranches(context, view);
    const more = `forkpoint compare ${runId}`;
    const comparison = await forks.compare(runId);
    // A branch that never said anything has nothing to compare.
    const silent = new Set(comparison.branches.filter(({ steps }) => steps === 0).map(({ id }) => id));
    const pairs = comparison.pairs.filter(({ b }) => !silent.has(b));
    if (pairs.length > 0) {
      terminal.print(`\n${comparisonText({ ...comparison, pairs }, terminal.colors, { maxLines: 40, more })}`);
    }
    const next = nextSteps(view);
    if (next !== null) terminal.note(next);
  }
  return code;
}
