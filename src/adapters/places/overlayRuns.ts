import type { PlaceProcess } from '../../core/agent/agentPorts.ts';
import { PlaceError } from '../../core/errors.ts';
import { gitArguments, gitEnvironment } from '../git/runGit.ts';
import { type Collected, collectRun } from './collectRun.ts';
import type { Confinement } from './confinement.ts';
import { launchInNamespaces, launchInTerminal } from './launchCommand.ts';
import { notEntered } from './launchScripts.ts';
import { LifeMarks } from './lifeMarks.ts';
import type { PlaceFolder } from './placeFolder.ts';
import { newProcessKey } from './placeProcesses.ts';
import { startProcess } from './startProcess.ts';

export interface OverlayRun {
  cwd: string;
  layer?: 'branch' | 'base';
  env?: Readonly<Record<string, string>>;
}

// An upper folder must not be mounted twice at a time, so there is one mark.
const onlyOne = 'one';

/** Starts programs below the layers of an overlay. */
export class OverlayRuns {
  readonly #place: PlaceFolder;
  readonly #namespaces: NonNullable<Confinement['namespaces']>;
  /** Folders that a layer is laid over; the first is the project's root. */
  readonly mounts: readonly string[];

  constructor(place: PlaceFolder, mounts: readonly string[], namespaces: NonNullable<Confinement['namespaces']>) {
    this.#place = place;
    this.#namespaces = namespaces;
    this.mounts = mounts;
  }

  /** @throws PlaceError where something runs in the place already */
  start(command: readonly string[], { cwd, layer = 'branch', env }: OverlayRun): PlaceProcess {
    const mark = new LifeMarks(this.#place.living).take(onlyOne);
    try {
      const view = { folder: this.#place.folder, mounts: this.mounts, layer, denied: [], cwd };
      const launch = launchInNamespaces(this.#namespaces, view, command);
      return startProcess(
        { command: launch, env: env ?? gitEnvironment({ config: 'user' }), cwd: '/', confined: true },
        newProcessKey(this.#place.folder),
        mark,
      );
    } catch (error) {
      mark.release();
      throw error;
    }
  }

  /** For a person's terminal. */
  commandLine(command: readonly string[], cwd: string): string[] {
    const view = { folder: this.#place.folder, mounts: this.mounts, layer: 'branch' as const, denied: [], cwd };
    return launchInTerminal(this.#namespaces, view, command);
  }

  /** To the end. @throws PlaceError where the place can't be entered; the signal's reason after an abort */
  async run(command: readonly string[], run: OverlayRun, input?: string, signal?: AbortSignal): Promise<Collected> {
    const ended = await collectRun(this.start(command, run), input, signal);
    if (ended.exitCode === notEntered && ended.stderr.includes('forkpoint: '))
      throw new PlaceError(
        `The branch’s place can’t be entered: ${ended.stderr}`,
        'See `forkpoint doctor`, or choose another kind of place.',
      );
    return ended;
  }

  /** Git below the layers. @throws PlaceError where it fails */
  async git(args: readonly string[], run: OverlayRun, input?: string, signal?: AbortSignal): Promise<string> {
    const ended = await this.run(['git', ...gitArguments('user', args)], run, input, signal);
    if (ended.exitCode === 0) return ended.stdout;
    throw new PlaceError(
      `git ${args[0] ?? ''} failed in the branch’s place: ${ended.stderr.slice(0, 2000)}`,
      'See whether the repository is sound: git fsck.',
      { exitCode: ended.exitCode },
    );
  }

  /** A script of the shell that reads paths, one a line as `escapedPath` writes them. */
  shell(script: string, run: OverlayRun, lines: readonly string[], signal?: AbortSignal): Promise<Collected> {
    return this.run([this.#namespaces.tools.sh, '-c', script], run, lines.map((line) => `${line}\n`).join(''), signal);
  }
}

/** A path for `printf %b`: any file name fits into one line. */
export function escapedPath(file: string): string {
  return [...Buffer.from(file)]
    .map((byte) =>
      /[A-Za-z0-9._/-]/.test(String.fromCharCode(byte))
        ? String.fromCharCode(byte)
        : `\\0${byte.toString(8).padStart(3, '0')}`,
    )
    .join('');
}
