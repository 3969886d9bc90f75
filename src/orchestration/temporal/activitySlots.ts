import type { WorkerOptions } from '@temporalio/worker';
import type { WorkerConfig } from './workerConfig.ts';

/** Model calls at once of a worker that chooses by itself. */
const fewest = 20;
const most = 500;
/** Tasks at once that are short and write our own files at most: the SDK's own numbers. */
const shortTasks = { workflows: 40, local: 100 };

/**
 * How many model calls a worker makes at once. By the machine's load only where somebody asks for it: a call waits for the API and
 * needs next to nothing here, and on a person's own machine a build that keeps all cores busy would hold the calls back. It serves a
 * worker on a machine of its own, where memory is what ends a larger number.
 */
export function activitySlots(
  concurrency: WorkerConfig['concurrency'],
): Pick<WorkerOptions, 'tuner' | 'maxConcurrentActivityTaskExecutions'> {
  if (concurrency !== 'auto') return { maxConcurrentActivityTaskExecutions: concurrency };
  const fixed = (numSlots: number) => ({ type: 'fixed-size' as const, numSlots });
  return {
    tuner: {
      workflowTaskSlotSupplier: fixed(shortTasks.workflows),
      localActivityTaskSlotSupplier: fixed(shortTasks.local),
      nexusTaskSlotSupplier: fixed(1),
      activityTaskSlotSupplier: {
        type: 'resource-based',
        tunerOptions: { targetMemoryUsage: 0.8, targetCpuUsage: 0.9 },
        minimumSlots: fewest,
        maximumSlots: most,
      },
    },
  };
}
