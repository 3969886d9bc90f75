import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { agentIdOf, ownFolderOf, sessionIdOf } from '../claudeCode/layout.ts';
import { projectFolders } from '../claudeCode/projectFiles.ts';
import { subagentFilesIn } from '../claudeCode/subagentFiles.ts';
import { subagentOwner } from '../claudeCode/subagentOwner.ts';
import { type FileStamp, fileStamp } from '../fileStamp.ts';

/** A transcript as it is now. */
export interface Transcript {
  file: string;
  /** File of the session that it belongs to: itself, unless it is a subagent's. */
  sessionFile: string;
  state: FileStamp;
}

/** Names in a folder, none where there is no such folder. What they are shows when their state is asked for. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Transcripts in one project's folder, each session's with those of its subagents behind it. */
function transcriptsIn(folder: string): { file: string; sessionFile: string }[] {
  const names = new Set(namesIn(folder));
  const beside = new Map<string, string[]>();
  for (const name of names) {
    if (agentIdOf(name) === null) continue;
    const file = join(folder, name);
    const owner = subagentOwner(file);
    if (owner !== null) beside.set(owner, [...(beside.get(owner) ?? []), file]);
  }
  return [...names].flatMap((name) => {
    const sessionId = sessionIdOf(name);
    if (sessionId === null) return [];
    // Thousands of paths: put together by hand they cost a tenth of what `join` takes.
    const sessionFile = `${folder}${sep}${name}`;
    const inside = names.has(sessionId) ? subagentFilesIn(ownFolderOf(sessionFile)) : [];
    const agents = [...inside, ...(beside.get(sessionId) ?? [])];
    return [sessionFile, ...agents].map((file) => ({ file, sessionFile }));
  });
}

/**
 * All transcripts below some `…/projects` folders, those of a session together.
 * @param archive folder like them whose sessions count only where none of the others has them; null where there is none
 */
export async function transcriptFiles(roots: readonly string[], archive: string | null): Promise<Transcript[]> {
  const all = [...roots.filter((root) => root !== archive), ...(archive === null ? [] : [archive])];
  const originals = new Set<string>();
  const transcripts: Transcript[] = [];
  for (const root of all) {
    for (const folder of await projectFolders(root)) {
      await setImmediate();
      for (const { file, sessionFile } of transcriptsIn(folder)) {
        const place = archive === null ? '' : sessionFile.slice(root.length);
        if (root === archive && originals.has(place)) continue;
        if (root !== archive) originals.add(place);
        const state = fileStamp(file);
        if (state !== null) transcripts.push({ file, sessionFile, state });
      }
    }
  }
  return transcripts;
}
