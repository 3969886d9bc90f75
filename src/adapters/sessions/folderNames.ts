import { realpath } from 'node:fs/promises';
import { isAbsolute, resolve, win32 } from 'node:path';

/**
 * Absolute paths that lead to a folder: as it is named, and with links followed. A session may have been recorded on Windows, and its
 * folder's name is absolute everywhere.
 */
export async function folderNames(folder: string): Promise<Set<string>> {
  const isForeign = !isAbsolute(folder) && win32.isAbsolute(folder);
  if (isForeign) return new Set([folder]);
  const named = resolve(folder);
  return new Set([named, await realpath(named).catch(() => named)]);
}
