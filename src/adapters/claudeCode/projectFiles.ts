import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { entriesOf } from '../plainFiles.ts';
import { projectsIn, transcriptIn } from './layout.ts';

/**
 * Folders of projects directly under `…/projects`. A link counts only where it leads to a folder inside the root: out
 * of the root lies what nobody asked us to read.
 */
export async function projectFolders(root: string): Promise<string[]> {
  const folders: string[] = [];
  for (const entry of await entriesOf(root)) {
    const folder = join(root, entry.name);
    if (entry.isDirectory()) folders.push(folder);
    else if (entry.isSymbolicLink() && (await leadsInside(root, folder))) folders.push(folder);
  }
  return folders;
}

/** Where a session's transcript may lie in a config folder: once in each project's folder, there or not. */
export async function transcriptPlaces(configDir: string, sessionId: string): Promise<string[]> {
  return (await projectFolders(projectsIn(configDir))).map((folder) => transcriptIn(folder, sessionId));
}

async function leadsInside(root: string, path: string): Promise<boolean> {
  try {
    const target = await realpath(path);
    return target.startsWith(`${await realpath(root)}${sep}`);
  } catch {
    return false;
  }
}
