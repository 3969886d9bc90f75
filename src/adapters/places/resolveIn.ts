import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import path from 'node:path';
import { isInside } from '../isInside.ts';
import type { Layers } from './layers.ts';

/** A folder that is seen otherwise in a place than outside of it. */
export interface Shown {
  /** Absolute, links resolved. */
  folder: string;
  layers: Layers;
}

const maxLinks = 40;

/**
 * Where a path leads as a program in a place sees it, all links resolved; what isn't there is taken as it is named.
 * @param file absolute
 * @returns the path, what is there (null for nothing) and where that lies on disk; null where links lead in a circle
 */
export async function resolveIn(
  shown: readonly Shown[],
  file: string,
): Promise<{ file: string; stats: Stats | null; source: string | null } | null> {
  let left = file.split(path.sep);
  let at: string = path.parse(file).root;
  let stats: Stats | null = await lstat(at).catch(() => null);
  let source: string | null = at;
  let links = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at = path.dirname(at);
      const above = await look(shown, at);
      stats = above?.stats ?? null;
      source = above?.file ?? null;
      continue;
    }
    const next = path.join(at, part);
    const found = await look(shown, next);
    if (found?.stats.isSymbolicLink() !== true) {
      at = next;
      stats = found?.stats ?? null;
      source = found?.file ?? null;
      continue;
    }
    links += 1;
    if (links > maxLinks) return null;
    const target = await readlink(found.file);
    left = [...target.split(path.sep), ...left];
    if (path.isAbsolute(target)) at = path.parse(target).root;
  }
  return { file: at, stats, source };
}

async function look(shown: readonly Shown[], file: string): Promise<{ stats: Stats; file: string } | null> {
  // The innermost counts: a git folder may be laid out inside of another folder that is.
  const inside = shown.filter(({ folder }) => isInside(folder, file));
  const innermost = inside.sort((a, b) => b.folder.length - a.folder.length)[0];
  if (innermost !== undefined)
    return innermost.layers.find(path.relative(innermost.folder, file).split(path.sep).join('/'));
  const stats = await lstat(file).catch(() => null);
  return stats === null ? null : { stats, file };
}
