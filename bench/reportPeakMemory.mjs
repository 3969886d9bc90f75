// Loaded with --import into a measured process: writes its peak resident memory, in KiB, to file descriptor 3 at the end.
import { writeSync } from 'node:fs';

process.on('exit', () => {
  writeSync(3, String(process.resourceUsage().maxRSS));
});
