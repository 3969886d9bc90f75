import { basename, dirname, join } from 'node:path';
import { entriesOf, openPlainFile, plainFile } from '../plainFiles.ts';
import { agentIdOf, sessionFolderOf } from '../sessions/subagentFiles.ts';

/** A file that belongs to a session. */
export interface SessionPart {
  /** Absolute path. */
  file: string;
  /** Path in a config folder: what the archive calls it. */
  place: string;
}

const headBytes = 256 * 1024;

/** The config folder that a transcript lies in: above `projects/<project>/<session>.jsonl`; null for another layout. */
export function configFolderOf(transcript: string): string | null {
  const projects = dirname(dirname(transcript));
  return basename(projects) === 'projects' ? dirname(projects) : null;
}

/** Where a transcript lies below any config folder: `projects/<project>/<session>.jsonl`. */
export function placeOf(transcript: string): string {
  return join('projects', basename(dirname(transcript)), basename(transcript));
}

/**
 * Everything that belongs to a session beside its transcript: its own folder (subagents, tool results, title), subagents
 * that old versions wrote beside the sessions, and file checkpoints. Plain files only, no link is followed.
 */
export async function sessionParts(transcript: string): Promise<SessionPart[]> {
  const project = dirname(transcript);
  const sessionId = basename(transcript, '.jsonl');
  const place = dirname(placeOf(transcript));
  const config = configFolderOf(transcript);
  const [own, beside, checkpoints] = await Promise.all([
    filesBelow(join(project, sessionId), join(place, sessionId)),
    subagentsBeside(project, sessionId),
    config === null ? [] : filesBelow(join(config, 'file-history', sessionId), join('file-history', sessionId)),
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
  const owners = await Promise.all(files.map(ownerOf));
  return files.filter((_, index) => owners[index] === sessionId);
}

/** The session's transcript that a subagent's transcript belongs to; every other file is its own. */
export async function transcriptOf(file: string): Promise<string> {
  if (agentIdOf(basename(file)) === null) return file;
  const folder = dirname(file);
  const own = sessionFolderOf(file);
  if (own !== null) return `${own}.jsonl`;
  const owner = await ownerOf(file);
  // The name comes from the file's lines, so it must be no path.
  return owner === null || basename(owner) !== owner ? file : join(folder, `${owner}.jsonl`);
}

async function ownerOf(file: string): Promise<string | null> {
  if ((await plainFile(file).catch(() => null)) === null) return null;
  const handle = await openPlainFile(file).catch(() => null);
  if (handle === null) return null;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(headBytes), 0, headBytes, 0);
    // Quotes inside texts are escaped, so only a key can look like this.
    return /"sessionId":"([^"\\]+)"/.exec(buffer.toString('latin1', 0, bytesRead))?.[1] ?? null;
  } finally {
    await handle.close();
  }
}
