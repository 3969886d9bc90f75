/**
 * Queue of the activities of agents. An agent that waits for a person holds its slot for days; in a queue of its own it
 * can't keep model calls waiting.
 */
export function agentQueueOf(taskQueue: string): string {
  return `${taskQueue}-agents`;
}
