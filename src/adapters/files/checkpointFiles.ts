import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { StoredFile } from '../../core/files/resolveFile.ts';
import { checkpointsOf, configFolderOf } from '../claudeCode/layout.ts';
import { openPlainFile } from '../plainFiles.ts';

const copyName = /^[0-9a-f]{8,64}@v\d{1,9}$/;
const folderName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
/** Larger than what Claude Code copies; a guard against a planted file. */
const largestCopy = 512 * 1024 * 1024;

/** Reads one copy; null where there is none. Follows no link out of the folder, waits for no pipe. */
async function readCopy(config: string, session: string, name: string): Promise<StoredFile | null> {
  try {
    const named = path.join(config, checkpointsOf(session));
    const folder = await realpath(named);
    if (folder !== path.join(await realpath(path.dirname(named)), session)) return null;
    const handle = await openPlainFile(path.join(folder, name));
    try {
      const stats = await handle.stat();
      if (stats.size > largestCopy) return null;
      const bytes = new Uint8Array(await handle.readFile());
      return { bytes, mode: stats.mode & 0o777, ref: `${checkpointsOf(session)}/${name}` };
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}

/**
 * Reads the byte copies that Claude Code made of files.
 * @param transcript absolute path of the session's file
 * @param sessions ids of sessions whose copies it may name
 * @returns reads a copy by its recorded name (not trusted); null where it isn't there, or isn't a plain file
 */
export function checkpointFiles(
  transcript: string,
  sessions: readonly string[],
): (name: string) => Promise<StoredFile | null> {
  const config = configFolderOf(transcript);
  return async (name) => {
    if (config === null || !copyName.test(name)) return null;
    for (const session of sessions) {
      if (!folderName.test(session)) continue;
      const copy = await readCopy(config, session, name);
      if (copy !== null) return copy;
    }
    return null;
  };
}
