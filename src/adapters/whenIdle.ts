/** Idle time before waiting work is done, in milliseconds: questions mostly come several at a time. */
const idleMs = 250;

const waiting = new Map<object, () => void>();
let timer: NodeJS.Timeout | null = null;

/** Does now what waits. */
export function doWaiting(): void {
  for (const [owner, work] of waiting) {
    waiting.delete(owner);
    work();
  }
}

/**
 * Has something done that nobody waits for: when nothing has been asked for a while, at the latest when the process ends.
 * @param owner of whom only the last work counts
 * @param work synchronous, and never fails
 */
export function whenIdle(owner: object, work: () => void): void {
  waiting.set(owner, work);
  if (timer === null) process.once('exit', doWaiting);
  timer ??= setTimeout(doWaiting, idleMs).unref();
  timer.refresh();
}

/** Postpones the waiting work, because a caller waits for something else. */
export function notIdle(): void {
  if (waiting.size > 0) timer?.refresh();
}
