// Loaded with --import into a measured process: writes its peak resident memory, in KiB, to file descriptor 3 at the end.
import { readFileSync, writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** `maxRSS` begins with what the parent had at the fork; the kernel's own high-water mark of this program does not. */
function peakKilobytes() {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}

// Threads load this too; the figure is the whole process's.
if (isMainThread) process.on('exit', () => writeSync(3, String(peakKilobytes())));
