import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Commit } from '../../core/agent/agentFacts.ts';
import type { Place, PlaceId, PlaceProcess, SpawnOptions } from '../../core/agent/agentPorts.ts';
import type { ChangeSet } from '../../core/changes/changes.ts';
import { PlaceError } from '../../core/errors.ts';
import { makeBareRepository } from '../changes/looseObjects.ts';
import { gitArguments, gitEnvironment } from '../git/runGit.ts';
import { newCommits, newCommitsArgs } from './commits.ts';
import { IgnoredFiles } from './ignoredFiles.ts';
import { Layers } from './layers.ts';
import { LifeMarks, livedIn } from './lifeMarks.ts';
import { opaqueFolders } from './opaqueFolders.ts';
import { overlayChanges } from './overlayChanges.ts';
import { OverlayRuns } from './overlayRuns.ts';
import type { PlaceDeps } from './placeDeps.ts';
import type { PlaceFolder, PlaceRecord } from './placeFolder.ts';
import type { Shown } from './resolveIn.ts';
import { UserTree } from './userTree.ts';
import { whyNotWritten } from './whyNotWritten.ts';

const nothing = new Set<string>();
const gitIsGone = 'Git doesn’t work in the place any more: its folder was removed, or is damaged.';

/** Copy-on-write layers over the project at its own path. */
export class OverlayPlace implements Place {
  readonly kind = 'overlay';
  readonly id: PlaceId;
  readonly path: string;
  readonly root: string;
  readonly projectRoot: string;
  readonly notes: readonly string[];
  // Layers lie over all of them.
  readonly userFolders: readonly string[] = [];
  readonly isConfined = true;
  readonly #place: PlaceFolder;
  readonly #record: PlaceRecord;
  readonly #deps: PlaceDeps;
  readonly #env: Readonly<Record<string, string>>;

  constructor(place: PlaceFolder, record: PlaceRecord, deps: PlaceDeps) {
    this.#place = place;
    this.#record = record;
    this.#deps = deps;
    this.id = { runId: record.runId, name: record.name };
    this.path = record.folder;
    this.root = place.upper(0);
    this.projectRoot = record.projectRoot;
    this.notes = record.notes;
    this.#env = record.git === null ? this.#standIn() : gitEnvironment({ config: 'user' });
  }

  /** Without git its rules for ignored files hold all the same; an empty repository of ours stands in. */
  #standIn(): Record<string, string> {
    const repository = { GIT_DIR: this.#place.snapshots, GIT_WORK_TREE: this.#record.realRoot };
    return gitEnvironment({ config: 'user', env: repository });
  }

  toPlace(file: string): string {
    return file;
  }

  refusesWrite(file: string): Promise<string | null> {
    return whyNotWritten(this.#record.realRoot, this.#shown(), file);
  }

  spawn(command: readonly string[], { cwd = this.path, env }: SpawnOptions): PlaceProcess {
    return this.#runs().start(command, { cwd, env });
  }

  commandLine(
    command: readonly string[],
    { cwd = this.path }: { cwd?: string } = {},
  ): { command: string[]; cwd: string } {
    return { command: this.#runs().commandLine(command, cwd), cwd: this.#record.realRoot };
  }

  /** What the branch didn't change is the user's own, ignored files and all, and doesn't stand still. */
  async state(): Promise<null> {
    return null;
  }

  async changes(): Promise<ChangeSet> {
    // Also where nothing would have to be started in it to find out.
    if (new LifeMarks(this.#place.living).isLived()) throw livedIn();
    try {
      return await this.#changes(this.#env);
    } catch (error) {
      if (this.#record.git === null || (await this.#hasGit())) throw error;
      // The agent has removed it, or broken it.
      await makeBareRepository(this.#place.snapshots);
      const changes = await this.#changes(this.#standIn());
      return { ...changes, notes: [...changes.notes, gitIsGone] };
    }
  }

  async #hasGit(): Promise<boolean> {
    const command = ['git', ...gitArguments('user', ['rev-parse', '--git-dir'])];
    return (await this.#runs().run(command, { cwd: this.#record.realRoot, env: this.#env })).exitCode === 0;
  }

  async #changes(env: Readonly<Record<string, string>>): Promise<ChangeSet> {
    const runs = this.#runs();
    const cwd = this.#record.realRoot;
    const below = this.#below(0);
    const upper = this.#place.upper(0);
    const opaque = await opaqueFolders(upper, below, runs, { cwd });
    const ignored = new IgnoredFiles((command) => runs.start(command, { cwd, env }));
    try {
      return await overlayChanges({
        runId: this.id.runId,
        root: this.projectRoot,
        upper,
        opaque,
        below,
        baseFolder: this.#place.base(0),
        user: new UserTree(this.#place, this.#record),
        ignored,
        changes: this.#deps.changes,
      });
    } finally {
      await ignored.close();
    }
  }

  async commits(): Promise<Commit[]> {
    if (this.#record.git === null || !(await this.#mayHaveCommits())) return [];
    const command = ['git', ...gitArguments('user', newCommitsArgs(this.#record.head))];
    const { exitCode, stdout } = await this.#runs().run(command, { cwd: this.#record.realRoot, env: this.#env });
    // It fails where there are still no commits.
    return exitCode === 0 ? newCommits(stdout, this.#record.realRoot) : [];
  }

  /** Whether git wrote down anything but its index in the branch's layer: entering the place costs more than to look. */
  async #mayHaveCommits(): Promise<boolean> {
    if (this.#record.mounts.length > 1) return true;
    const written = ['HEAD', 'logs', 'refs', 'packed-refs', 'reftable'].map((name) =>
      stat(path.join(this.#place.upper(0), '.git', name)).then(
        () => true,
        () => false,
      ),
    );
    return (await Promise.all(written)).includes(true);
  }

  #runs(): OverlayRuns {
    const { namespaces, reason } = this.#deps.confinement;
    if (namespaces === null)
      throw new PlaceError(
        `The branch’s place can’t be entered any more. ${reason}`,
        'Its files are kept; see `forkpoint places`.',
      );
    return new OverlayRuns(this.#place, this.#record.mounts, namespaces);
  }

  /** The fork point. */
  #below(mount: number): Layers {
    const opaque = mount === 0 ? new Set(this.#record.opaque) : nothing;
    return new Layers([
      { folder: this.#place.base(mount), opaque },
      { folder: this.#record.mounts[mount] ?? '', opaque: nothing },
    ]);
  }

  /**
   * As the agent sees it, near enough while it works: a folder that it made anew may seem to hold links of the old one, which refuses a
   * write too many, never lets one out.
   */
  #shown(): Shown[] {
    return this.#record.mounts.map((folder, at) => ({
      folder,
      layers: new Layers([{ folder: this.#place.upper(at), opaque: nothing }, ...this.#below(at).layers]),
    }));
  }
}
