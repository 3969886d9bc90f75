// src/adapters/claudeCode: Claude Code on disk and as a program: the one place that spells the names of its folders
// and files (this file), says what belongs to a session and whose a subagent is, and finds, starts and answers the
// program. Neither our own formats nor the meaning of records come in.

import { basename, dirname, join, sep } from 'node:path';

const projects = 'projects';
/** Folder of a session's subagents in its own folder. */
export const subagentsName = 'subagents';
/** File in a session's own folder that holds the title which a person gave it. */
export const customTitleName = 'custom-title.json';
const fileHistory = 'file-history';
const transcriptEnd = '.jsonl';

/** The folder of all projects in a config folder: `…/projects`. */
export function projectsIn(configDir: string): string {
  return join(configDir, projects);
}

/** The config folder that a transcript lies in, however deep below `projects`; null for one that lies elsewhere. */
export function configFolderOf(transcript: string): string | null {
  for (let folder = dirname(transcript); folder !== dirname(folder); folder = dirname(folder))
    if (basename(folder) === projects) return dirname(folder);
  return null;
}

/** Where a session's transcript lies below any config folder: `projects/<project>/<session>.jsonl`. */
export function pathInConfig(transcript: string): string {
  return join(projects, basename(dirname(transcript)), basename(transcript));
}

/** The transcript of a session in a project's folder. */
export function transcriptIn(folder: string, sessionId: string): string {
  return `${folder}${sep}${sessionId}${transcriptEnd}`;
}

/** The session's own folder, beside its transcript. */
export function ownFolderOf(transcript: string): string {
  return transcript.slice(0, -transcriptEnd.length);
}

/** Where tool results lie that were too long for the transcript. @param folder the session's own */
export function toolResultIn(folder: string, name: string): string {
  return join(folder, 'tool-results', name);
}

/** The folder of all sessions' copies of files in a config folder. */
export function checkpointsIn(configDir: string): string {
  return join(configDir, fileHistory);
}

/** Where the copies of files lie that a session changed, below any config folder. */
export function checkpointsOf(sessionId: string): string {
  return join(fileHistory, sessionId);
}

/** Whether the name is a session's: `agent-….jsonl` beside sessions are subagents of old versions. */
export function sessionIdOf(name: string): string | null {
  return name.endsWith(transcriptEnd) && !name.startsWith('agent-') && name.length > transcriptEnd.length
    ? name.slice(0, -transcriptEnd.length)
    : null;
}

const agentFile = /^agent-(.+)\.jsonl$/;
const metaEnd = '.meta.json';

/** The subagent whose transcript has that name; null for another file. */
export function agentIdOf(name: string): string | null {
  return agentFile.exec(name)?.[1] ?? null;
}

/** The file that says what is known of a subagent beside its transcript. */
export function metaFileOf(transcript: string): string {
  return `${ownFolderOf(transcript)}${metaEnd}`;
}

/** The transcript of the subagent that a file belongs to: itself, or what is said beside it; null for a file of no subagent. */
export function agentTranscriptOf(file: string): string | null {
  const transcript = file.endsWith(metaEnd) ? `${file.slice(0, -metaEnd.length)}${transcriptEnd}` : file;
  return agentIdOf(basename(transcript)) === null ? null : transcript;
}
