import type { RunId } from '../../core/ids.ts';

/** Id of a run's workflow. */
export function workflowIdOf(runId: RunId): string {
  return `forkpoint-${runId}`;
}
