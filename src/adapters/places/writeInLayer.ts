import type { Stats } from 'node:fs';
import { lstat, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent } from '../fileErrors.ts';
import type { FileStep } from './restoreFiles.ts';
import { copyMode, writeSteps } from './writeSteps.ts';

/**
 * Does the steps in a layer that holds nothing yet and isn't mounted, which starts no process. Only where they do no more there than the
 * kernel would: a file that is new or takes a file's place, in folders that are new or could as well be ours.
 * @param root folder that the layer will lie over, absolute
 * @returns false where it takes the kernel; nothing is written then
 */
export async function writeInLayer(
  steps: readonly FileStep[],
  root: string,
  layer: string,
  signal: AbortSignal,
): Promise<boolean> {
  const folders = await foldersToCopy(steps, root);
  if (folders === null) return false;
  for (const folder of folders) {
    await mkdir(path.join(layer, folder));
    await copyMode(path.join(root, folder), path.join(layer, folder));
  }
  for (const step of steps) {
    const file = path.join(layer, path.relative(root, step.file));
    await writeSteps([step.kind === 'date' ? await copied(step, file) : { ...step, file }], layer, signal);
  }
  return true;
}

/** The layer gets a copy of a file to date it. */
async function copied({ file, changedAt }: FileStep & { kind: 'date' }, to: string): Promise<FileStep> {
  const { mode } = await lstat(file);
  return { kind: 'write', file: to, bytes: await readFile(file), mode: mode & 0o7777, changedAt };
}

/** Folders beneath that the layer needs too, the outer ones first, relative to the root; null where a step is not plain. */
async function foldersToCopy(steps: readonly FileStep[], root: string): Promise<Set<string> | null> {
  const files = new Set(steps.map(({ file }) => file));
  const written = new Set(steps.flatMap(({ kind, file }) => (kind === 'remove' ? [] : [file])));
  const folders = new Set<string>();
  for (const { kind, file } of steps) {
    const there = await statsOf(file);
    if (kind === 'remove') {
      if (there !== null || written.has(file)) return null;
      continue;
    }
    if (there?.isFile() === false) return null;
    if (kind === 'date' && (there === null || !hasOurOwner(there))) return null;
    const parts = path.relative(root, path.dirname(file)).split(path.sep);
    for (let at = 1; at <= parts.length && parts[0] !== ''; at += 1) {
      const name = parts.slice(0, at).join(path.sep);
      const folder = path.join(root, name);
      if (files.has(folder)) return null;
      const stats = folders.has(name) ? null : await statsOf(folder);
      if (stats === null) continue;
      if (!stats.isDirectory() || !isOurs(stats)) return null;
      folders.add(name);
    }
  }
  return folders;
}

/** What we make has the same owner, and can be written to with the same mode. */
function isOurs(stats: Stats): boolean {
  return hasOurOwner(stats) && (stats.mode & 0o300) === 0o300;
}

function hasOurOwner({ uid, gid }: Stats): boolean {
  return uid === process.geteuid?.() && gid === process.getegid?.();
}

/** Null where nothing is. */
async function statsOf(file: string): Promise<Stats | null> {
  return lstat(file).catch((error: unknown) => {
    if (isAbsent(error)) return null;
    throw error;
  });
}
