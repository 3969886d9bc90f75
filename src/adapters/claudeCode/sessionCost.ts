import { openPlainFile, plainFile } from '../plainFiles.ts';
import { transcriptPlaces } from './projectFiles.ts';

/** Claude Code writes the sum when it ends, so it stands near the end of the file. */
const tailBytes = 256 * 1024;

/**
 * What a session cost so far, in US dollars, as Claude Code noted it. 0 where it notes nothing (before 2.1.290), and where
 * there is no such session. Never throws.
 */
export async function sessionCost(configDir: string, sessionId: string): Promise<number> {
  for (const file of await transcriptPlaces(configDir, sessionId)) {
    const cost = await lastCost(file, sessionId).catch(() => null);
    if (cost !== null) return cost;
  }
  return 0;
}

async function lastCost(file: string, sessionId: string): Promise<number | null> {
  const size = (await plainFile(file))?.size;
  if (size === undefined) return null;
  const handle = await openPlainFile(file);
  try {
    const length = Math.min(size, tailBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    for (const line of lines.reverse()) {
      const cost = costIn(line, sessionId);
      if (cost !== null) return cost;
    }
    return 0;
  } finally {
    await handle.close();
  }
}

function costIn(line: string, sessionId: string): number | null {
  if (!line.includes('"cost-state"')) return null;
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('totalCostUSD' in record)) return null;
    const ours = 'type' in record && record.type === 'cost-state' && 'sessionId' in record;
    if (!ours || record.sessionId !== sessionId || typeof record.totalCostUSD !== 'number') return null;
    return record.totalCostUSD;
  } catch {
    return null;
  }
}
