import { basename, dirname, join } from 'node:path';
import { entriesOf } from '../plainFiles.ts';
import { agentIdOf, checkpointsOf, configFolderOf, pathInConfig, sessionIdOf, transcriptIn } from './layout.ts';
import { sessionFolderOf } from './subagentFiles.ts';
import { subagentOwner } from './subagentOwner.ts';

/** A file that belongs to a session. */
export interface SessionPart {
  /** Absolute path. */
  file: string;
  /** Path in a config folder: what the archive calls it. */
  place: string;
}

/**
 * Everything that belongs to a session beside its transcript: its own folder (subagents, tool results, title), subagents
 * that old versions wrote beside the sessions, and file checkpoints. Plain files only, no link is followed.
 */
export async function sessionParts(transcript: string): Promise<SessionPart[]> {
  const project = dirname(transcript);
  const sessionId = sessionIdOf(basename(transcript)) ?? basename(transcript);
  const place = dirname(pathInConfig(transcript));
  const config = configFolderOf(transcript);
  const [own, beside, checkpoints] = await Promise.all([
    filesBelow(join(project, sessionId), join(place, sessionId)),
    subagentsBeside(project, sessionId),
    config === null ? [] : filesBelow(join(config, checkpointsOf(sessionId)), checkpointsOf(sessionId)),
  ]);
  return [...own, ...beside.map((file) => ({ file, place: join(place, basename(file)) })), ...checkpoints];
}

async function filesBelow(folder: string, place: string): Promise<SessionPart[]> {
  const parts = await Promise.all(
    (await entriesOf(folder)).map(async (entry) => {
      const part = { file: join(folder, entry.name), place: join(place, entry.name) };
      if (entry.isDirectory()) return filesBelow(part.file, part.place);
      return entry.isFile() ? [part] : [];
    }),
  );
  return parts.flat();
}

/** Transcripts `agent-….jsonl` in a project's folder whose lines name the session. */
export async function subagentsBeside(project: string, sessionId: string): Promise<string[]> {
  const files = (await entriesOf(project))
    .filter((entry) => entry.isFile() && agentIdOf(entry.name) !== null)
    .map(({ name }) => join(project, name));
  return files.filter((file) => subagentOwner(file) === sessionId);
}

/** The session's transcript that a subagent's transcript belongs to; every other file is its own. */
export function transcriptOf(file: string): string {
  if (agentIdOf(basename(file)) === null) return file;
  const own = sessionFolderOf(file);
  const owner = own === null ? subagentOwner(file) : basename(own);
  return owner === null ? file : transcriptIn(dirname(own ?? file), owner);
}
