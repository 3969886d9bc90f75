/** Id of a schedule. Data folders that share a server have task queues of their own, and so their own schedules. */
export function scheduleIdOf(taskQueue: string, name: string): string {
  return `${prefixOf(taskQueue)}${name}`;
}

/** The name in an id, null where it is another task queue's, or nothing of ours. */
export function scheduleNameIn(taskQueue: string, scheduleId: string): string | null {
  const prefix = prefixOf(taskQueue);
  return scheduleId.startsWith(prefix) ? scheduleId.slice(prefix.length) : null;
}

function prefixOf(taskQueue: string): string {
  return `${taskQueue}/schedule/`;
}
