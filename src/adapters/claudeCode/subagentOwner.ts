import { closeSync } from 'node:fs';
import { openPlainFileSync, readFully } from '../plainFiles.ts';

/** Nearly all say it at once; one that begins with a long prompt says it behind that. */
const windows = [16 * 1024, 256 * 1024];

/**
 * Id of the session that started a subagent whose file lies beside the sessions, as old versions wrote them; null where it doesn't
 * say so at its start, or says what can be no file's name.
 */
export function subagentOwner(file: string): string | null {
  try {
    const { descriptor, stats } = openPlainFileSync(file);
    try {
      for (const window of windows) {
        const head = Buffer.alloc(Math.min(window, stats.size));
        // Quotes inside texts are escaped, so only a key can look like this.
        const found = /"sessionId": ?"([^"\\/]+)"/.exec(head.toString('latin1', 0, readFully(descriptor, head, 0)));
        if (found !== null || stats.size <= window) return found?.[1] ?? null;
      }
      return null;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}
