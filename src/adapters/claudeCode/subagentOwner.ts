import { closeSync } from 'node:fs';
import { openPlainFileSync, readFully } from '../plainFiles.ts';

/** Nearly all say it at once; one that begins with a long prompt says it behind that. */
const firstBytes = 16 * 1024;
const pieceBytes = 1024 * 1024;
/** A key and an id take less. */
const overlap = 512;
/** No prompt is longer. */
const mostBytes = 64 * 1024 * 1024;

/**
 * Id of the session that started a subagent whose file lies beside the sessions, as old versions wrote them; null where it doesn't
 * say so, or says what can be no file's name.
 */
export function subagentOwner(file: string): string | null {
  try {
    const { descriptor, stats } = openPlainFileSync(file);
    try {
      const until = Math.min(stats.size, mostBytes);
      for (let position = 0, bytes = firstBytes; position < until; position += bytes - overlap, bytes = pieceBytes) {
        const piece = Buffer.allocUnsafe(Math.min(bytes, stats.size - position));
        // Quotes inside texts are escaped, so only a key can look like this.
        const text = piece.toString('latin1', 0, readFully(descriptor, piece, position));
        const found = /"sessionId": ?"([^"\\/]+)"/.exec(text);
        if (found !== null) return found[1] ?? null;
      }
      return null;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}
