import type { WorkflowService } from '@temporalio/client';
import { scheduleNameIn } from './scheduleIds.ts';

/** Schedules of a task queue, by name. Read without their memos: those of others may be encrypted with another key. */
export async function listedSchedules(
  service: Pick<WorkflowService, 'listSchedules'>,
  { namespace, taskQueue }: { namespace: string; taskQueue: string },
): Promise<{ name: string; paused: boolean }[]> {
  const found: { name: string; paused: boolean }[] = [];
  for (let token: Uint8Array | null | undefined; ; ) {
    const page = await service.listSchedules({
      namespace,
      maximumPageSize: 100,
      ...(token && { nextPageToken: token }),
    });
    for (const { scheduleId, info } of page.schedules) {
      const name = scheduleNameIn(taskQueue, scheduleId ?? '');
      if (name !== null) found.push({ name, paused: info?.paused === true });
    }
    token = page.nextPageToken;
    if (token.length === 0) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
