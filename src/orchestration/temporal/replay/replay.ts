import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, type InjectedSinks, Runtime, Worker } from '@temporalio/worker';
import * as z from 'zod';
import { messageOf } from '../../../core/errors.ts';
import { plural } from '../../../core/format.ts';
import type { ReplayedExecution } from '../../../core/run/temporalControl.ts';
import type { TraceSinks } from '../workflowTracing.ts';
import { executionHistorySchema } from './executionHistory.ts';

// A process of its own, with the worker's native core: replays the histories in the file that is its first argument, and tells its
// parent, or whoever reads its output, how each went. `--debug` as the second one stops a debugger where the workflow begins.

const [file = '', debug] = process.argv.slice(2);
const noSpans: InjectedSinks<TraceSinks> = { trace: { ended: { fn: () => {} } } };

/** The statement stands at a line's end, so that the source map still holds. */
function stoppingAtStart(code: string): string {
  return code.replace(/async function forkRun\([^)]*\) \{$/m, '$& debugger;');
}

function tell(replayed: ReplayedExecution): void {
  if (process.send !== undefined) {
    process.send(replayed);
    return;
  }
  const { executionId, events, error } = replayed;
  const outcome = error === null ? 'does the same now' : `does something else now: ${error}`;
  process.stdout.write(`Execution ${executionId}, ${plural(events, 'event')}: ${outcome}\n`);
}

// What it logs of a replay that fails is what the replay's error says.
Runtime.install({
  logger: new DefaultLogger('ERROR', () => {}),
  telemetryOptions: { logging: { filter: 'OFF' } },
});
const code = await readFile(fileURLToPath(new URL('./workflows.js', import.meta.url)), 'utf8');
const workflowBundle = { code: debug === '--debug' ? stoppingAtStart(code) : code };
const executions = z.array(executionHistorySchema).parse(JSON.parse(await readFile(file, 'utf8')));
for (const { workflowId, executionId, history } of executions) {
  const error = await Worker.runReplayHistory(
    { workflowBundle, sinks: noSpans },
    historyFromJSON(history),
    workflowId,
  ).then(() => null, messageOf);
  tell({ executionId, events: history.events.length, error });
}
process.disconnect?.();
