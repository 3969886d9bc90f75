import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isAbsent } from '../fileErrors.ts';
import type { Layers } from './layers.ts';
import { escapedPath, type OverlayRun, type OverlayRuns } from './overlayRuns.ts';

const list = `while IFS= read -r line; do
  folder=$(printf '%b_' "$line")
  find "\${folder%_}" -mindepth 1 -maxdepth 1 -print0
done`;

/**
 * Folders of a layer that hide what lies beneath: made anew after the old one was removed. The kernel notes that in an attribute that
 * Node can't read, so it is asked what it shows.
 * @param upper the layer's folder
 * @param run shows the layer over all beneath it
 */
export async function opaqueFolders(
  upper: string,
  below: Layers,
  runs: OverlayRuns,
  run: OverlayRun,
): Promise<Set<string>> {
  const both = new Map<string, string[]>();
  await collectBoth(upper, below, '', both);
  if (both.size === 0) return new Set();
  const root = runs.mounts[0] ?? '';
  const asked = [...both.keys()].map((name) => escapedPath(path.join(root, name)));
  const { stdout } = await runs.shell(list, run, asked);
  const shown = new Set(stdout.split('\0'));
  const opaque = [...both].filter(([name, hidden]) => hidden.some((each) => !shown.has(path.join(root, name, each))));
  return new Set(opaque.map(([name]) => name));
}

/** Folders that both have, with the names that the upper one doesn't mention. */
async function collectBoth(upper: string, below: Layers, name: string, both: Map<string, string[]>): Promise<void> {
  const found = await below.find(name);
  if (found === null || !found.stats.isDirectory()) return;
  const entries = await readdir(path.join(upper, name), { withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  const own = new Set(entries.map((entry) => entry.name));
  const hidden = name === '' ? [] : (await below.names(name)).filter((each) => !own.has(each));
  if (hidden.length > 0) both.set(name, hidden);
  for (const entry of entries)
    if (entry.isDirectory() && entry.name !== '.git')
      await collectBoth(upper, below, name === '' ? entry.name : `${name}/${entry.name}`, both);
}
