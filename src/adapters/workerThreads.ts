import { availableParallelism } from 'node:os';
import type { ResourceLimits, Worker } from 'node:worker_threads';

const maxThreads = 4;

/** Beside the source lies the source, beside the bundle the bundled thread. */
const isSource = import.meta.url.endsWith('.ts');

/** How many threads there are processors for beside this one. */
function spareProcessors(): number {
  return Math.min(maxThreads, availableParallelism()) - 1;
}

/**
 * Starts threads that work beside this one. Each waits for its task, which is posted to it, and ends behind it; a thread that
 * is given none has to be terminated. It takes tens of milliseconds until it is there.
 * @param source the thread's module, beside the caller
 */
export async function startThreads(
  source: URL,
  resourceLimits: ResourceLimits = {},
  count = spareProcessors(),
): Promise<Worker[]> {
  const { Worker } = await import('node:worker_threads');
  const script = isSource ? source : new URL(source.href.replace(/\.ts$/, '.js'));
  const execArgv = isSource ? ['--experimental-transform-types', '--no-warnings'] : [];
  return Array.from({ length: count }, () => {
    const thread = new Worker(script, { execArgv, resourceLimits });
    // A thread that breaks ends: what it had taken is done by who started it.
    thread.on('error', () => {});
    return thread;
  });
}

/** Ends when the thread does. */
export function untilExit(thread: Worker): Promise<void> {
  return new Promise((resolve) => thread.once('exit', () => resolve()));
}
