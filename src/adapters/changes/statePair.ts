import type { DiffSides } from '../../core/agent/agentPorts.ts';
import { isGitPath } from '../../core/changes/changePaths.ts';
import type { ChangeSet, FileVersion } from '../../core/changes/changes.ts';

/** Two states, as far as they may differ: files that neither has changed are in none of them. */
export interface StatePair {
  /** Paths that either has changed, sorted. */
  paths: string[];
  a: ReadonlyMap<string, FileVersion>;
  b: ReadonlyMap<string, FileVersion>;
}

/** What one side holds at the paths that it or the other one has changed. */
function versionsOf(own: ChangeSet | null, other: ChangeSet | null): Map<string, FileVersion> {
  const files = new Map<string, FileVersion>();
  const put = (path: string, version: FileVersion | null): void => {
    if (version === null) files.delete(path);
    else files.set(path, version);
  };
  // A file that only the other side has changed is here what it was at the fork point.
  for (const { path, before } of other?.changes ?? []) put(path, before);
  for (const { path, after } of own?.changes ?? []) put(path, after);
  for (const path of files.keys()) if (!isGitPath(path)) files.delete(path);
  return files;
}

/** The two states that a diff compares. Paths that git can't hold, those below `.git` above all, are left out. */
export function statePair({ a, b }: DiffSides): StatePair {
  const paths = new Set([...(a?.changes ?? []), ...(b?.changes ?? [])].map(({ path }) => path));
  return { paths: [...paths].filter(isGitPath).sort(), a: versionsOf(a, b), b: versionsOf(b, a) };
}

/** Whether a file of one state is a folder in the other. */
export function swapsFolders({ a, b }: StatePair): boolean {
  const isFolderIn = (folders: ReadonlySet<string>) => (path: string) => folders.has(path);
  return [...a.keys()].some(isFolderIn(foldersOf(b))) || [...b.keys()].some(isFolderIn(foldersOf(a)));
}

function foldersOf(files: ReadonlyMap<string, FileVersion>): Set<string> {
  const folders = new Set<string>();
  for (const path of files.keys())
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
      folders.add(path.slice(0, end));
  return folders;
}
