import { comparablePath, projectFolder } from '../../core/session/projectFolder.ts';
import type { SessionSummary } from '../../core/session/recordedSession.ts';
import type { ProjectNode, SessionNode } from './sessionNodes.ts';

const places = ['workspace', 'inside', 'elsewhere'] as const;

/**
 * The sessions by project: those of the open folders first, then those below them, then the rest; inside each place, and
 * inside each project, the newest first. The worktrees of a repository are one project.
 * @param workspaceFolders absolute paths of the open folders
 */
export function groupSessions(sessions: readonly SessionNode[], workspaceFolders: readonly string[]): ProjectNode[] {
  const folders = workspaceFolders.map(comparablePath);
  const nearnessOf = memoized((path: string | null) => nearnessTo(path, folders));
  const idOf = memoized(idOfFolder);
  const projects = new Map<string, ProjectNode>();
  for (const session of [...sessions].sort(newestFirst)) {
    const path = projectFolder(session.summary);
    const id = idOf(path);
    const project: ProjectNode = projects.get(id) ?? {
      kind: 'project',
      id,
      path,
      place: nearnessOf(path),
      unfolded: false,
      sessions: [],
    };
    projects.set(id, project);
    project.sessions.push(session);
    // A window on a worktree is a window on its project.
    project.place = nearer(project.place, nearnessOf(session.summary.projectPath));
  }
  const sorted = orderProjects([...projects.values()]);
  for (const project of sorted) project.unfolded = project.place !== 'elsewhere';
  if (sorted[0] !== undefined) sorted[0].unfolded = true;
  return sorted;
}

/** By place, then by their newest sessions. */
export function orderProjects(projects: readonly ProjectNode[]): ProjectNode[] {
  return [...projects].sort((a, b) => {
    const nearness = places.indexOf(a.place) - places.indexOf(b.place);
    const [newestA, newestB] = [a.sessions[0], b.sessions[0]];
    return nearness !== 0 || newestA === undefined || newestB === undefined ? nearness : newestFirst(newestA, newestB);
  });
}

export function projectId(summary: SessionSummary): string {
  return idOfFolder(projectFolder(summary));
}

function idOfFolder(path: string | null): string {
  return `project:${path === null ? '' : comparablePath(path)}`;
}

export function newestFirst({ summary: a }: SessionNode, { summary: b }: SessionNode): number {
  const timeA = a.lastAt ?? '';
  const timeB = b.lastAt ?? '';
  return timeA === timeB ? (a.file < b.file ? -1 : 1) : timeA < timeB ? 1 : -1;
}

function nearer(a: ProjectNode['place'], b: ProjectNode['place']): ProjectNode['place'] {
  return places.indexOf(a) <= places.indexOf(b) ? a : b;
}

function nearnessTo(path: string | null, folders: readonly string[]): ProjectNode['place'] {
  if (path === null) return 'elsewhere';
  const project = comparablePath(path);
  if (folders.includes(project)) return 'workspace';
  return folders.some((folder) => project.startsWith(`${folder}/`)) ? 'inside' : 'elsewhere';
}

/** The function, called once for each argument: thousands of sessions share a few folders. */
function memoized<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const value = known.has(key) ? (known.get(key) as Value) : make(key);
    known.set(key, value);
    return value;
  };
}
