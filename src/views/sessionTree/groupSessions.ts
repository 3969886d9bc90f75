import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { ProjectNode, SessionNode } from './sessionNodes.ts';

/**
 * The sessions by project: those of the open folders first, then those below them, then the rest; inside each place, and
 * inside each project, the newest first.
 * @param workspaceFolders absolute paths of the open folders
 */
export function groupSessions(sessions: readonly SessionNode[], workspaceFolders: readonly string[]): ProjectNode[] {
  const folders = workspaceFolders.map(comparable);
  const projects = new Map<string, ProjectNode>();
  for (const session of [...sessions].sort((a, b) => newestFirst(a.summary, b.summary))) {
    const path = session.summary.projectPath;
    const id = projectId(path);
    const project = projects.get(id);
    if (project === undefined) {
      const place = placeOf(path, folders);
      projects.set(id, { kind: 'project', id, path, place, unfolded: place !== 'elsewhere', sessions: [session] });
    } else project.sessions.push(session);
  }
  const order = ['workspace', 'inside', 'elsewhere'];
  // Array.sort is stable, so projects of one place stay in the order of their newest session.
  const sorted = [...projects.values()].sort((a, b) => order.indexOf(a.place) - order.indexOf(b.place));
  if (sorted[0] !== undefined) sorted[0].unfolded = true;
  return sorted;
}

export function projectId(path: string | null): string {
  return `project:${path === null ? '' : comparable(path)}`;
}

function newestFirst(a: SessionSummary, b: SessionSummary): number {
  const timeA = a.lastAt ?? '';
  const timeB = b.lastAt ?? '';
  return timeA === timeB ? (a.file < b.file ? -1 : 1) : timeA < timeB ? 1 : -1;
}

function placeOf(path: string | null, folders: string[]): ProjectNode['place'] {
  if (path === null) return 'elsewhere';
  const project = comparable(path);
  if (folders.includes(project)) return 'workspace';
  return folders.some((folder) => project.startsWith(`${folder}/`)) ? 'inside' : 'elsewhere';
}

/** Paths as they are compared: forward slashes, no slash at the end, drive letters in lower case. */
function comparable(path: string): string {
  const slashed = path.replaceAll('\\', '/').replace(/(?<=.)\/+$/, '');
  return slashed.replace(/^[A-Z]:/, (drive) => drive.toLowerCase());
}
