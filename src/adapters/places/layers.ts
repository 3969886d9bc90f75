import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

/** One folder of several that lie over each other. */
export interface Layer {
  /** Absolute. */
  folder: string;
  /** Folders, relative to it, below which nothing of the layers beneath shows. */
  opaque: ReadonlySet<string>;
}

/** What a path leads to. */
export interface Found {
  stats: Stats;
  /** Where it lies on disk. */
  file: string;
  /** Of a folder: the layers that it is made of, the uppermost first. */
  layers: readonly Layer[];
}

/** Does the entry of a layer say that there is nothing, whatever lies beneath? */
export function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

/** Layers as the kernel shows them in an overlay, read from outside of the mount. Paths are relative; `''` is the root. */
export class Layers {
  /** @param layers the uppermost first */
  constructor(readonly layers: readonly Layer[]) {}

  /** Null where nothing is. Symbolic links are not followed. */
  async find(name: string): Promise<Found | null> {
    let found = await entryOf(this.layers, '');
    let at = '';
    for (const part of name === '' ? [] : name.split('/')) {
      if (found === null || !found.stats.isDirectory()) return null;
      at = at === '' ? part : `${at}/${part}`;
      found = await entryOf(found.layers, at);
    }
    return found;
  }

  /** Names in a folder, sorted. */
  async names(name: string): Promise<string[]> {
    const folder = await this.find(name);
    if (folder === null || !folder.stats.isDirectory()) return [];
    const names = new Set<string>();
    const gone = new Set<string>();
    for (const { folder: layer } of folder.layers) {
      const whiteouts: string[] = [];
      for (const entry of await readdir(path.join(layer, name), { withFileTypes: true })) {
        if (gone.has(entry.name)) continue;
        if (entry.isCharacterDevice() && (await isWhiteoutFile(path.join(layer, name, entry.name))))
          whiteouts.push(entry.name);
        else names.add(entry.name);
      }
      for (const each of whiteouts) if (!names.has(each)) gone.add(each);
    }
    return [...names].sort();
  }

  /** Files and links in a folder and below it; of git's own folders and of repositories in it nothing. */
  async *files(name: string): AsyncGenerator<{ name: string; found: Found }> {
    const names = await this.names(name);
    if (name !== '' && names.includes('.git')) return;
    for (const each of names) {
      if (each === '.git') continue;
      const inner = name === '' ? each : `${name}/${each}`;
      const found = await this.find(inner);
      if (found?.stats.isDirectory()) yield* this.files(inner);
      else if (found !== null) yield { name: inner, found };
    }
  }
}

async function isWhiteoutFile(file: string): Promise<boolean> {
  const stats = await lstat(file).catch(() => null);
  return stats !== null && isWhiteout(stats);
}

async function entryOf(layers: readonly Layer[], name: string): Promise<Found | null> {
  const folders: Layer[] = [];
  let found: Found | null = null;
  for (const layer of layers) {
    const file = path.join(layer.folder, name);
    const stats = await lstat(file).catch(() => null);
    if (stats === null) continue;
    if (isWhiteout(stats) || (found !== null && !stats.isDirectory())) break;
    if (!stats.isDirectory()) return { stats, file, layers: [] };
    found ??= { stats, file, layers: folders };
    folders.push(layer);
    if (layer.opaque.has(name)) break;
  }
  return found;
}
