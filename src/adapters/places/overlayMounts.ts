import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceFolder } from './placeFolder.ts';
import { copyMode } from './writeSteps.ts';

/** Makes the folders that the launching script expects. */
export async function makeMountFolders(place: PlaceFolder, mounts: readonly string[]): Promise<void> {
  for (const [at, mount] of mounts.entries()) {
    for (const kind of ['lower', 'work', 'basework', 'upper', 'base'])
      await mkdir(path.join(place.folder, kind, String(at)), { recursive: true, mode: 0o700 });
    await copyMode(mount, place.upper(at));
    await copyMode(mount, place.base(at));
  }
}

/** The first layer is there only if it holds something, and its work folder never again. */
export async function finishBaseLayer(place: PlaceFolder, mounts: readonly string[]): Promise<void> {
  for (const at of mounts.keys()) if ((await readdir(place.base(at))).length === 0) await rmdir(place.base(at));
  await removeWorkFolders(path.join(place.folder, 'basework'));
}

/** The kernel leaves folders without any permission in them. */
export async function removeWorkFolders(folder: string): Promise<void> {
  const { chmod } = await import('node:fs/promises');
  for (const at of await readdir(folder).catch(() => []))
    for (const inner of await readdir(path.join(folder, at)).catch(() => []))
      await chmod(path.join(folder, at, inner), 0o700).catch(() => {});
  await rm(folder, { recursive: true, force: true });
}
