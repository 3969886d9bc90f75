/** The server's query for runs that are under way on these task queues. */
export function openRunsIn(taskQueues: readonly string[]): string {
  const names = taskQueues.map((name) => `"${name}"`).join(', ');
  return `TaskQueue IN (${names}) AND ExecutionStatus = "Running"`;
}
