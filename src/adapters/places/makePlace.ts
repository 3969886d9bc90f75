import { access, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PlaceOrder } from '../../core/agent/agentPorts.ts';
import type { PlaceKind } from '../../core/agent/agentSettings.ts';
import type { Clock } from '../../core/clock.ts';
import { PlaceError } from '../../core/errors.ts';
import { makeBareRepository } from '../changes/looseObjects.ts';
import { askGitText } from '../git/runGit.ts';
import { makeCopy } from './makeCopy.ts';
import { type Made, makeOverlay } from './makeOverlay.ts';
import { makeWorktree } from './makeWorktree.ts';
import type { PlaceDeps } from './placeDeps.ts';
import type { PlaceFolder } from './placeFolder.ts';
import type { Project } from './projectOf.ts';
import { planRestore } from './restoreFiles.ts';
import { Snapshots } from './snapshots.ts';
import { writeSteps } from './writeSteps.ts';

/** Makes a place of a kind that can be had, in an empty folder; its record is written last. */
export async function makePlace(
  place: PlaceFolder,
  kind: PlaceKind,
  project: Project,
  order: PlaceOrder,
  deps: PlaceDeps,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const createdAt = new Date(clock.now()).toISOString();
  const base = await fullCommit(project, order.base);
  const made =
    kind === 'overlay'
      ? await makeOverlay(place, project, order, base, deps, signal)
      : await makeTree(place, kind, project, order, base, signal);
  // Its rules for ignored files are asked of an empty repository where there is none.
  if (kind === 'overlay' && project.git === null && project.gitProblem === null)
    await makeBareRepository(place.snapshots);
  await access(place.folder);
  const { git } = project;
  await place.write({
    version: 1,
    kind,
    runId: order.id.runId,
    name: order.id.name,
    folder: project.folder,
    projectRoot: project.root,
    realRoot: project.realRoot,
    git: git === null ? null : { gitDir: git.gitDir, commonDir: git.commonDir, head: git.head },
    createdAt,
    ...made,
  });
}

async function makeTree(
  place: PlaceFolder,
  kind: 'copy' | 'worktree',
  project: Project,
  order: PlaceOrder,
  base: string | null,
  signal: AbortSignal,
): Promise<Made> {
  await writeFile(place.forkedFile, '');
  const tree = place.tree(project.realRoot);
  const notes =
    kind === 'copy'
      ? await makeCopy(place, project, base, signal)
      : await makeWorktree(place, project, order, base, signal);
  const plan = await planRestore(order, project, { root: tree, shown: [] });
  await writeSteps(plan.steps, tree, signal);
  const snapshots = new Snapshots(place.snapshots, tree);
  await snapshots.make(project.git === null ? null : path.join(project.git.commonDir, 'objects'));
  const snapshot = await snapshots.take(signal);
  return {
    mounts: [],
    head: base ?? project.git?.head ?? null,
    snapshot,
    opaque: [],
    notes: [...notes, ...plan.notes],
  };
}

/** @throws PlaceError where the repository has no such commit */
async function fullCommit({ git, realRoot }: Project, base: string | null): Promise<string | null> {
  if (base === null) return null;
  if (git === null)
    throw new PlaceError(
      `The project is in no git repository, so it can’t begin from ${base}.`,
      'Choose "now" for the files.',
    );
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${base}^{commit}`];
  const found = base.startsWith('-') ? null : await askGitText(args, { cwd: realRoot, config: 'user' });
  if (found === null || !/^[0-9a-f]{40,64}$/.test(found))
    throw new PlaceError(
      `The repository has no commit ${base}.`,
      'Fetch it, or choose another commit, or "now", for the files.',
    );
  return found;
}
