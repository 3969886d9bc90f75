import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** Bytes that a folder occupies on disk, 0 where it isn't there. Links are not followed. */
export async function placeSize(folder: string): Promise<number> {
  const stats = await lstat(folder).catch(() => null);
  if (stats === null) return 0;
  let bytes = occupied(stats);
  if (!stats.isDirectory()) return bytes;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) bytes += await placeSize(file);
    else {
      const inner = await lstat(file).catch(() => null);
      bytes += inner === null ? 0 : occupied(inner);
    }
  }
  return bytes;
}

/** Windows tells no blocks. */
function occupied({ blocks, size }: { blocks: number; size: number }): number {
  return process.platform === 'win32' ? size : blocks * 512;
}
