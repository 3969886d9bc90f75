// src/adapters: the ports of core on real things: files, programs, networks. No vscode and no Temporal. Beside the
// folders lies what opens, locks, watches and writes files for all of them.

import { closeSync, constants, type Dirent, fstatSync, lstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { isAbsent } from './fileErrors.ts';

/** Entries of a folder; nothing where it does not exist or can't be read: one bad folder must not hide the others. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Facts of a plain file; null for everything else (folders, pipes, links) and for what is not there. */
export async function plainFile(path: string): Promise<Stats | null> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats : null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** As `plainFile`, at once. */
export function plainFileSync(path: string): Stats | null {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isFile() === true ? stats : null;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

const plainOnly = constants.O_RDONLY | constants.O_NONBLOCK | (constants.O_NOFOLLOW ?? 0);

/** Opens a file for reading that may have been replaced since it was looked at: never follows a link, never waits for a pipe. */
export async function openPlainFile(path: string): Promise<FileHandle> {
  const handle = await open(path, plainOnly);
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw new Error(`${path} is not a plain file.`);
}

/** As `openPlainFile`, at once. @returns its descriptor, and what it is now @throws the file system's error */
export function openPlainFileSync(path: string): { descriptor: number; stats: Stats } {
  const descriptor = openSync(path, plainOnly);
  const stats = fstatSync(descriptor);
  if (stats.isFile()) return { descriptor, stats };
  closeSync(descriptor);
  throw new Error(`${path} is not a plain file.`);
}

/** Fills as much of the buffer as the file has. @returns bytes read */
export function readFully(descriptor: number, buffer: Buffer, position: number): number {
  let filled = 0;
  while (filled < buffer.length) {
    const read = readSync(descriptor, buffer, filled, buffer.length - filled, position + filled);
    if (read === 0) break;
    filled += read;
  }
  return filled;
}
