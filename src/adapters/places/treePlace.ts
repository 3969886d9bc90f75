import path from 'node:path';
import type { Commit } from '../../core/agent/agentFacts.ts';
import type { Place, PlaceId, PlaceProcess, SpawnOptions } from '../../core/agent/agentPorts.ts';
import type { ChangeSet } from '../../core/changes/changes.ts';
import { askGitText, runGit } from '../git/runGit.ts';
import { isInside } from '../isInside.ts';
import { sha256 } from '../sha256.ts';
import { newCommits, newCommitsArgs } from './commits.ts';
import {
  deniedPlainly,
  type LaunchView,
  launchInNamespaces,
  launchInTerminal,
  launchPlainly,
} from './launchCommand.ts';
import { LifeMarks } from './lifeMarks.ts';
import type { PlaceDeps } from './placeDeps.ts';
import type { PlaceFolder, PlaceRecord } from './placeFolder.ts';
import { newProcessKey } from './placeProcesses.ts';
import { checkoutFolders } from './projectOf.ts';
import { Snapshots } from './snapshots.ts';
import { startProcess } from './startProcess.ts';
import { whyNotWritten } from './whyNotWritten.ts';

const unguarded =
  'Nothing keeps commands of the agent from writing to your own tree on this system: only its file tools are held back.';

const unswept =
  'What commands of the agent start in sessions of their own may go on after the branch has ended: this system doesn’t tell whose they are.';

const unlimited =
  'What commands of the agent start with a cleared environment may go on after the branch has ended: this system has no prlimit (of util-linux) that marks whose they are.';

/** Variables that would lead git to another repository than that of the folder it runs in. */
const gitRepository =
  /^GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX)$/i;

/** Files of its own at another path: a copy, or a worktree. */
export class TreePlace implements Place {
  readonly kind: 'copy' | 'worktree';
  readonly id: PlaceId;
  readonly path: string;
  readonly root: string;
  readonly projectRoot: string;
  readonly notes: readonly string[];
  readonly userFolders: readonly string[];
  readonly #place: PlaceFolder;
  readonly #record: PlaceRecord;
  readonly #deps: PlaceDeps;

  constructor(place: PlaceFolder, record: PlaceRecord & { kind: 'copy' | 'worktree' }, deps: PlaceDeps) {
    this.#place = place;
    this.#record = record;
    this.#deps = deps;
    this.kind = record.kind;
    this.id = { runId: record.runId, name: record.name };
    this.root = place.tree(record.realRoot);
    this.projectRoot = record.projectRoot;
    this.path = this.toPlace(record.folder);
    // Where our own data lies in one of them, its place does so too.
    this.userFolders = [...new Set([record.projectRoot, ...checkoutFolders(record)])].filter(
      (folder) => !isInside(folder, this.root),
    );
    const { namespaces, sandboxExec, sweepScript, prlimit } = deps.confinement;
    this.notes = [
      `The place lies at another path (${this.root}): paths of the project are rewritten in the branch’s session and in its prompts.`,
      ...(namespaces === null && sandboxExec === null ? [unguarded] : []),
      ...(namespaces === null && sweepScript === null ? [unswept] : []),
      ...(namespaces === null && sweepScript !== null && prlimit === null ? [unlimited] : []),
      ...record.notes,
    ];
  }

  toPlace(file: string): string {
    const { projectRoot, realRoot } = this.#record;
    const root = [projectRoot, realRoot].find((each) => isInside(each, file));
    return root === undefined ? file : path.join(this.root, path.relative(root, file));
  }

  get isConfined(): boolean {
    const { namespaces, sandboxExec } = this.#deps.confinement;
    return namespaces !== null || sandboxExec !== null;
  }

  refusesWrite(file: string): Promise<string | null> {
    return whyNotWritten(this.root, [], file);
  }

  spawn(command: readonly string[], { cwd, env }: SpawnOptions): PlaceProcess {
    const { confinement } = this.#deps;
    const { namespaces } = confinement;
    const view = this.#view(cwd, this.#denied(env));
    const key = newProcessKey(this.#place.folder);
    const mark = new LifeMarks(this.#place.living).take(crypto.randomUUID());
    try {
      const launch =
        namespaces === null
          ? launchPlainly(confinement, view.denied, key, command)
          : launchInNamespaces(namespaces, view, command);
      return startProcess(
        { command: launch, env: this.#environment(env), cwd: view.cwd, confined: namespaces !== null || confinement },
        key,
        mark,
      );
    } catch (error) {
      mark.release();
      throw error;
    }
  }

  commandLine(command: readonly string[], { cwd }: { cwd?: string } = {}): { command: string[]; cwd: string } {
    const { namespaces, sandboxExec } = this.#deps.confinement;
    // Its environment is unknown; ours comes closest.
    const view = this.#view(cwd, this.#denied(process.env));
    const launch =
      namespaces === null
        ? deniedPlainly(sandboxExec, view.denied, command)
        : launchInTerminal(namespaces, view, command);
    return { command: [...launch], cwd: view.cwd };
  }

  async state(): Promise<string | null> {
    const snapshots = new Snapshots(this.#place.snapshots, this.root);
    const files = await snapshots.take();
    if (snapshots.notes.sentences().length > 0 || (await snapshots.ignores())) return null;
    if (this.#record.git === null) return sha256(files);
    const own = { cwd: this.root, config: 'user' as const, env: { GIT_CEILING_DIRECTORIES: path.dirname(this.root) } };
    const facts = await Promise.all(
      [['rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD'], ['for-each-ref'], ['ls-files', '--stage']].map((args) =>
        askGitText(args, own),
      ),
    );
    return facts.includes(null) ? null : sha256(JSON.stringify([files, ...facts]));
  }

  async changes(): Promise<ChangeSet> {
    const snapshots = new Snapshots(this.#place.snapshots, this.root);
    const now = await snapshots.take();
    const from = this.#record.snapshot ?? now;
    return snapshots.between(from, now, this.projectRoot, this.id.runId, this.#deps.changes);
  }

  async commits(): Promise<Commit[]> {
    if (this.#record.git === null) return [];
    const env = { GIT_CEILING_DIRECTORIES: path.dirname(this.root) };
    const { code, stdout } = await runGit(newCommitsArgs(this.#record.head), { cwd: this.root, config: 'user', env });
    // It fails where there are still no commits.
    return code === 0 ? newCommits(stdout.toString('utf8'), this.#record.realRoot) : [];
  }

  #environment(env: Readonly<Record<string, string>>): Record<string, string> {
    // Git is to find the place's own repository.
    const kept = Object.fromEntries(Object.entries(env).filter(([name]) => !gitRepository.test(name)));
    // A repository that our data folder happens to lie in is none of the project's.
    return this.#record.git === null ? { ...kept, GIT_CEILING_DIRECTORIES: path.dirname(this.root) } : kept;
  }

  #view(cwd: string | undefined, denied: readonly string[]): LaunchView {
    const inside = this.toPlace(cwd ?? this.#record.folder);
    return { folder: this.#place.folder, mounts: [], layer: 'branch', denied, cwd: inside };
  }

  /** The user's tree and repository, unless what the program keeps for itself lies there. */
  #denied(env: Readonly<Record<string, string | undefined>>): string[] {
    const own = [env['HOME'], env['CLAUDE_CONFIG_DIR'], env['TMPDIR']];
    return this.userFolders.filter((folder) => !own.some((each) => each !== undefined && isInside(folder, each)));
  }
}
