// src/adapters/places: where agents work: overlay, copy, worktree, and the processes in them. Nothing here may write
// to the user's tree, index or refs.

import { access, mkdir, readdir, realpath, rename, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type {
  ChangeStore,
  Place,
  PlaceId,
  PlaceInfo,
  PlaceOption,
  PlaceOrder,
  Places,
  Teardown,
} from '../../core/agent/agentPorts.ts';
import type { PlaceKind } from '../../core/agent/agentSettings.ts';
import type { Clock } from '../../core/clock.ts';
import { NotFoundError, PlaceError } from '../../core/errors.ts';
import { runIdSchema } from '../../core/ids.ts';
import { isDiskFull } from '../fileErrors.ts';
import { systemClock } from '../systemClock.ts';
import { findConfinement } from './confinement.ts';
import { LifeMarks, livedIn, type TakenMark } from './lifeMarks.ts';
import { makePlace } from './makePlace.ts';
import { OverlayPlace } from './overlayPlace.ts';
import { type CopyLimit, defaultCopyLimit, type PlaceDeps } from './placeDeps.ts';
import { PlaceFolder, type PlaceRecord, placeName } from './placeFolder.ts';
import { placeKinds, type TriedKind } from './placeOptions.ts';
import { livesIn } from './placeProcesses.ts';
import { placeSize } from './placeSize.ts';
import { type Project, projectOf } from './projectOf.ts';
import { removeAside, removeTree } from './removePlace.ts';
import { TreePlace } from './treePlace.ts';

export interface PlacesOptions {
  /** Where places lie, absolute; made when the first one is. */
  folder: string;
  changes: ChangeStore;
  isRunKnown(runId: PlaceId['runId']): boolean | Promise<boolean>;
  clock?: Clock;
  /** The largest project that is copied where the file system can't clone. */
  copyLimit?: CopyLimit;
  /** Claude Code's config folders, absolute: where one lies inside of a project, no layer is laid over that. */
  configDirs?: readonly string[];
  /** False: as on a machine that forbids namespaces. */
  namespaces?: boolean;
}

/** Places on this machine's disk. */
export function createPlaces(options: PlacesOptions): Places {
  return new DiskPlaces(options);
}

const draftName = /^\.(?:making|removed)-/;

class DiskPlaces implements Places {
  readonly #given: PlacesOptions;
  readonly #clock: Clock;
  #deps: Promise<PlaceDeps> | null = null;
  /** What could be had, by project: trying it takes a tenth of a second. */
  readonly #tried = new Map<string, TriedKind[]>();

  constructor(options: PlacesOptions) {
    this.#given = options;
    this.#clock = options.clock ?? systemClock;
  }

  async options(folder: string): Promise<PlaceOption[]> {
    const kinds = await this.#kinds(await projectOf(folder));
    return Promise.all(kinds.map((kind) => kind.ask()));
  }

  async #kinds(project: Project): Promise<TriedKind[]> {
    const { realRoot, git, gitProblem } = project;
    // What a first commit or a sign of trust changes is asked anew.
    const key = [realRoot, git?.commonDir, git?.head === null, gitProblem].join('\0');
    const known = this.#tried.get(key) ?? (await this.#newKinds(project));
    this.#tried.set(key, known);
    return known;
  }

  async #newKinds(project: Project): Promise<TriedKind[]> {
    return placeKinds(project, await this.#getDeps(), this.#given.copyLimit ?? defaultCopyLimit);
  }

  async create(order: PlaceOrder, signal: AbortSignal): Promise<Place> {
    signal.throwIfAborted();
    checkId(order.id);
    const deps = await this.#getDeps();
    const place = PlaceFolder.of(deps.places, order.id);
    const there = await place.read();
    if (there !== null) return placeOf(place, there, deps);
    await removeRemains(place);
    const project = await projectOf(order.folder);
    const kind = await chooseKind(order.kind, await this.#kinds(project));
    const draft = new PlaceFolder(
      path.join(path.dirname(place.folder), `.making-${order.id.name}-${crypto.randomUUID()}`),
    );
    await mkdir(draft.folder, { recursive: true, mode: 0o700 });
    try {
      const maker = new LifeMarks(draft.living).take('maker');
      try {
        await makePlace(draft, kind, project, order, deps, this.#clock, signal);
      } finally {
        maker.release();
      }
      await rename(draft.folder, place.folder);
    } catch (error) {
      await removeTree(draft.folder);
      signal.throwIfAborted();
      // Somebody else made it meanwhile.
      const other = await place.read();
      if (other !== null) return placeOf(place, other, deps);
      throw notMade(error);
    }
    return this.open(order.id);
  }

  async open(id: PlaceId): Promise<Place> {
    const deps = await this.#getDeps();
    const place =
      placeName.test(id.name) && runIdSchema.safeParse(id.runId).success ? PlaceFolder.of(deps.places, id) : null;
    const record = (await place?.read()) ?? null;
    if (place === null || record === null)
      throw new NotFoundError(
        `Branch ${id.name} of run ${id.runId} has no place.`,
        'See `forkpoint places` for those that there are.',
      );
    return placeOf(place, record, deps);
  }

  async list(): Promise<PlaceInfo[]> {
    const { places } = await this.#getDeps();
    const found: PlaceInfo[] = [];
    for (const runName of (await readdir(places)).sort()) {
      const run = runIdSchema.safeParse(runName);
      if (!run.success) continue;
      const names = (await readdir(path.join(places, runName)).catch(() => [])).filter((name) => placeName.test(name));
      for (const name of names.sort()) {
        const id = { runId: run.data, name };
        const place = PlaceFolder.of(places, id);
        const record = await place.read();
        if (record !== null) found.push(await this.#infoOf(place, id, record));
      }
    }
    return found;
  }

  async keepTeardown(id: PlaceId, teardown: Teardown): Promise<void> {
    const { places } = await this.#getDeps();
    checkId(id);
    await PlaceFolder.of(places, id).writeTeardown(teardown);
  }

  async teardownOf(id: PlaceId): Promise<Teardown | null> {
    const { places } = await this.#getDeps();
    checkId(id);
    return PlaceFolder.of(places, id).readTeardown();
  }

  async remove(id: PlaceId): Promise<void> {
    const { places } = await this.#getDeps();
    checkId(id);
    const place = PlaceFolder.of(places, id);
    const record = await place.read();
    if (record === null) return removeRemains(place);
    // Nobody may move in while it is removed.
    if (isLived(place, record)) throw livedIn();
    const mark = markUnlessFull(place);
    try {
      await removeAside(place.folder);
    } finally {
      mark?.release();
    }
    await rmdir(path.dirname(place.folder)).catch(() => {});
  }

  async #infoOf(place: PlaceFolder, id: PlaceId, record: PlaceRecord): Promise<PlaceInfo> {
    const isOverlay = record.kind === 'overlay';
    const parts = isOverlay ? ['upper', 'base'] : ['tree', 'snapshots.git'];
    const sizes = await Promise.all(parts.map((part) => placeSize(path.join(place.folder, part))));
    return {
      id,
      kind: record.kind,
      root: isOverlay ? place.upper(0) : place.tree(record.realRoot),
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      createdAt: record.createdAt,
      inUse: isLived(place, record),
      orphan: !(await this.#given.isRunKnown(id.runId)),
    };
  }

  #getDeps(): Promise<PlaceDeps> {
    this.#deps ??= this.#findDeps();
    this.#deps.catch(() => {
      this.#deps = null;
    });
    return this.#deps;
  }

  async #findDeps(): Promise<PlaceDeps> {
    const { folder, changes, configDirs = [], namespaces = true } = this.#given;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const places = await realpath(folder);
    const notLayered = await Promise.all(configDirs.map((dir) => realpath(dir).catch(() => path.resolve(dir))));
    return { places, changes, notLayered, confinement: await findConfinement(places, namespaces) };
  }
}

function checkId({ runId, name }: PlaceId): void {
  if (!runIdSchema.safeParse(runId).success || !placeName.test(name) || name.length > 80)
    throw new PlaceError(`No place can be called ${runId}/${name}.`, 'Use small letters, digits and hyphens.');
}

function placeOf(place: PlaceFolder, record: PlaceRecord, deps: PlaceDeps): Place {
  const { kind } = record;
  return kind === 'overlay' ? new OverlayPlace(place, record, deps) : new TreePlace(place, { ...record, kind }, deps);
}

function isLived(place: PlaceFolder, { kind }: PlaceRecord): boolean {
  return new LifeMarks(place.living).isLived() || (kind !== 'overlay' && livesIn(place.folder));
}

/** A full disk must not keep anybody from making room: nobody else can mark the place then either. */
function markUnlessFull(place: PlaceFolder): TakenMark | null {
  try {
    return new LifeMarks(place.living).take('one');
  } catch (error) {
    if (isDiskFull(error)) return null;
    throw error;
  }
}

/** @throws PlaceError with the reason of each kind */
async function chooseKind(choice: PlaceOrder['kind'], kinds: readonly TriedKind[]): Promise<PlaceKind> {
  const refused: string[] = [];
  for (const tried of kinds) {
    if (choice !== 'auto' && tried.kind !== choice) continue;
    const { kind, available, detail } = await tried.ask();
    if (available) return kind;
    refused.push(`${kind}: ${detail}`);
  }
  const options = await Promise.all(kinds.map((kind) => kind.ask()));
  const others = options.filter(({ available }) => available).map(({ kind }) => `"${kind}"`);
  throw new PlaceError(
    `No place can be made for the branch. ${refused.join(' ')}`,
    others.length === 0
      ? 'Fork with the executor "api", where no files are touched.'
      : `Choose ${others.join(' or ')}.`,
    { options },
  );
}

/** What a maker or a remover left behind that was killed: of this place's name, and drafts of nobody who lives. */
async function removeRemains(place: PlaceFolder): Promise<void> {
  const run = path.dirname(place.folder);
  for (const name of await readdir(run).catch(() => [])) {
    const folder = path.join(run, name);
    if (draftName.test(name) && !new LifeMarks(path.join(folder, 'living')).isLived()) await removeTree(folder);
  }
  const isThere = await access(place.folder).then(
    () => true,
    () => false,
  );
  if (!isThere || (await place.read()) !== null) return;
  if (new LifeMarks(place.living).isLived()) throw livedIn();
  await removeAside(place.folder);
}

function notMade(error: unknown): unknown {
  if (!isDiskFull(error)) return error;
  return new PlaceError(
    'The disk is full: the branch’s place could not be made, and what there was of it is removed.',
    'Free some space (`forkpoint places` lists what places occupy), or move the data folder with FORKPOINT_HOME.',
    undefined,
    { cause: error },
  );
}
