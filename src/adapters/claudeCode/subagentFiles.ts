import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, sep } from 'node:path';
import { agentIdOf, subagentsName } from './layout.ts';

/** Workflows put their agents two levels below (`subagents/workflows/<run>/`). */
const deepest = 3;

/** Names in a folder; null where there is no such folder. Links are not followed: out of the session's folder lies another one's. */
function namesIn(folder: string): string[] | null {
  try {
    return lstatSync(folder).isDirectory() ? readdirSync(folder).sort() : null;
  } catch {
    return null;
  }
}

/**
 * A session's folder of subagents and those below it, with the names in each. Nothing where there is no such folder.
 * @param folder absolute path of the session's own folder
 */
export function* subagentFolders(folder: string): Generator<{ folder: string; names: string[] }> {
  const waiting = [{ path: `${folder}${sep}${subagentsName}`, depth: 1 }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { path, depth } = next;
    const names = namesIn(path);
    if (names === null) continue;
    yield { folder: path, names };
    if (depth === deepest) continue;
    for (const name of names) if (!name.includes('.')) waiting.push({ path: `${path}${sep}${name}`, depth: depth + 1 });
  }
}

/** Transcripts of the subagents in a session's own folder. */
export function subagentFilesIn(folder: string): string[] {
  return [...subagentFolders(folder)].flatMap(({ folder: path, names }) =>
    names.filter((name) => agentIdOf(name) !== null).map((name) => `${path}${sep}${name}`),
  );
}

/** The session's own folder that a subagent's file lies in; null where it lies beside the sessions. */
export function sessionFolderOf(file: string): string | null {
  let at = dirname(file);
  for (let depth = 0; depth < deepest; depth += 1, at = dirname(at))
    if (basename(at) === subagentsName) return dirname(at);
  return null;
}

/** The run of a workflow that a subagent's file belongs to; null where it doesn't. */
export function workflowOf(file: string): string | null {
  const run = dirname(file);
  return basename(dirname(run)) === 'workflows' ? basename(run) : null;
}
