import { lstat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PlaceOrder } from '../../core/agent/agentPorts.ts';
import { messageOf, PlaceError } from '../../core/errors.ts';
import { Layers } from './layers.ts';
import { opaqueFolders } from './opaqueFolders.ts';
import { finishBaseLayer, makeMountFolders } from './overlayMounts.ts';
import { OverlayRuns } from './overlayRuns.ts';
import type { PlaceDeps } from './placeDeps.ts';
import type { PlaceFolder, PlaceRecord } from './placeFolder.ts';
import { checkoutFolders, type Project } from './projectOf.ts';
import { planRestore } from './restoreFiles.ts';
import { writeInLayer } from './writeInLayer.ts';
import { writeStepsInOverlay } from './writeSteps.ts';

/** What making a place finds out, for its record. */
export type Made = Pick<PlaceRecord, 'mounts' | 'head' | 'snapshot' | 'opaque' | 'notes'>;

const noLayers = new Set<string>();

/**
 * Lays an overlay out: a first layer for all that leads to the fork point, then one for what the branch changes.
 * @param base full id of the commit to begin from, null for what is there
 */
export async function makeOverlay(
  place: PlaceFolder,
  project: Project,
  order: PlaceOrder,
  base: string | null,
  { confinement }: PlaceDeps,
  signal: AbortSignal,
): Promise<Made> {
  if (confinement.namespaces === null) throw new PlaceError(confinement.reason, 'Choose another kind of place.');
  const mounts = checkoutFolders(project);
  await makeMountFolders(place, mounts);
  // Its time is the fork point: what the user changes from now on is not of it.
  await writeFile(place.forkedFile, '');
  const runs = new OverlayRuns(place, mounts, confinement.namespaces);
  const run = { cwd: project.realRoot, layer: 'base' as const };
  const notes: string[] = [...(await noteLinks(project))];
  if (base !== null) notes.push(...(await checkOut(runs, run, project, base, signal)));
  const layers = new Layers([
    { folder: place.base(0), opaque: noLayers },
    { folder: project.realRoot, opaque: noLayers },
  ]);
  const shown = [{ folder: project.realRoot, layers }];
  const plan = await planRestore(order, project, { root: project.realRoot, shown });
  notes.push(...plan.notes);
  const isPlain = base === null && (await writeInLayer(plan.steps, project.realRoot, place.base(0), signal));
  if (!isPlain && plan.steps.length > 0)
    await writeStepsInOverlay(plan.steps, path.join(place.folder, 'staging'), runs, run, signal);
  const lower = new Layers([{ folder: project.realRoot, opaque: noLayers }]);
  const opaque = isPlain ? noLayers : await opaqueFolders(place.base(0), lower, runs, run);
  await finishBaseLayer(place, mounts);
  return { mounts, head: base ?? project.git?.head ?? null, snapshot: null, opaque: [...opaque], notes };
}

async function noteLinks({ realRoot, git }: Project): Promise<string[]> {
  if (git === null) return [];
  const modules = await lstat(path.join(realRoot, '.gitmodules')).catch(() => null);
  return modules === null
    ? []
    : ['The project has submodules: they are laid out too, but changes in them are not listed.'];
}

const lockWaits = [100, 200, 400, 800, 1500];

/** Checks the commit out in the layer's own git folder. */
async function checkOut(
  runs: OverlayRuns,
  run: { cwd: string; layer: 'base' },
  project: Project,
  base: string,
  signal: AbortSignal,
): Promise<string[]> {
  const notes: string[] = [];
  const isHead = base === project.git?.head;
  // Where it is the commit that is checked out anyway, the branch's name stays.
  const args = ['-c', 'advice.detachedHead=false', 'checkout', '--force', '--quiet'];
  const target = isHead ? [] : ['--detach', base];
  for (let attempt = 0; ; attempt += 1) {
    try {
      await runs.git([...args, ...target], run, undefined, signal);
      break;
    } catch (error) {
      signal.throwIfAborted();
      const lock = /'([^']+\.lock)'/.exec(messageOf(error))?.[1];
      if (lock === undefined || !/File exists/.test(messageOf(error)) || attempt > lockWaits.length) throw error;
      const wait = lockWaits[attempt];
      if (wait !== undefined) await delay(wait, undefined, { signal });
      else {
        // In the layer only: the user's own lock stays.
        await runs.run(['rm', '-f', '--', lock], run, undefined, signal);
        notes.push(
          `Something held ${path.basename(lock)} of the repository all the time; the place was made without it.`,
        );
      }
    }
  }
  const cleaned = await runs.git(['clean', '-d', '--force'], run, undefined, signal);
  const untracked = cleaned.split('\n').filter((line) => line !== '').length;
  if (untracked > 0) notes.push(`Untracked files of now are left out (${untracked}); ignored ones are there.`);
  if (!isHead) notes.push(`Commit ${base.slice(0, 8)} is checked out without a branch (HEAD is detached).`);
  return notes;
}
