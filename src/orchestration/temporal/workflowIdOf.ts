import type { RunId } from '../../core/ids.ts';

export const workflowIdPrefix = 'forkpoint-';

/** Id of a run's workflow. */
export function workflowIdOf(runId: RunId): string {
  return `${workflowIdPrefix}${runId}`;
}
