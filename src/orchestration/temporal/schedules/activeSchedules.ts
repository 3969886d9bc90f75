import type { WorkflowService } from '@temporalio/client';
import { scheduleNameIn } from './scheduleIds.ts';

/** Names of the task queue's schedules that are not paused: their workers are needed although nothing runs. */
export async function activeSchedules(
  service: Pick<WorkflowService, 'listSchedules'>,
  { namespace, taskQueue }: { namespace: string; taskQueue: string },
): Promise<string[]> {
  const active: string[] = [];
  let nextPageToken: Uint8Array | null | undefined;
  do {
    const page = await service.listSchedules({
      namespace,
      maximumPageSize: 100,
      ...(nextPageToken && { nextPageToken }),
    });
    for (const { scheduleId, info } of page.schedules ?? []) {
      const name = scheduleNameIn(taskQueue, scheduleId ?? '');
      if (name !== null && info?.paused !== true) active.push(name);
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  return active;
}
