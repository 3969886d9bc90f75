import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive, waitForEnd } from '../../src/orchestration/temporal/processes.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { bundleCli } from './cli.ts';
import { workerOfSources } from './temporal.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** Whose files are nobody's on all systems that have such a user. */
const nobody = 65_534;

/** The command line and the worker as they are installed, in a folder that every user can read. */
export interface Program {
  script: string;
  remove(): Promise<void>;
}

export async function installProgram(): Promise<Program> {
  const [cli, worker] = await Promise.all([bundleCli(), workerOfSources()]);
  const folder = path.dirname(cli.script);
  await Promise.all([
    ...['worker.js', 'replay.js', 'workflows.js'].map((name) =>
      copyFile(path.join(path.dirname(worker), name), path.join(folder, name)),
    ),
    symlink(path.join(root, 'node_modules'), path.join(path.dirname(folder), 'node_modules')),
    chmod(path.dirname(folder), 0o755),
  ]);
  return cli;
}

/** Another machine as far as one machine can play it: a home and a data folder of its own and, where the tests run as root, another user. */
export class OtherMachine {
  readonly home: string;
  readonly #user: { uid?: number; gid?: number };
  readonly #program: Program;
  readonly #env: Record<string, string>;
  readonly #started: ChildProcess[] = [];
  #log = '';

  private constructor(
    home: string,
    user: { uid?: number; gid?: number },
    program: Program,
    env: Record<string, string>,
  ) {
    this.home = home;
    this.#user = user;
    this.#program = program;
    this.#env = env;
  }

  /** @param env what it shares with others: addresses, keys, the store */
  static async make(program: Program, env: Record<string, string>): Promise<OtherMachine> {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-machine-'));
    const user = process.getuid?.() === 0 && canRun(program.script) ? { uid: nobody, gid: nobody } : {};
    if (user.uid !== undefined) await chown(home, user.uid, user.gid);
    return new OtherMachine(home, user, program, env);
  }

  get data(): string {
    return path.join(this.home, 'data');
  }

  /** What its processes said. */
  get log(): string {
    return this.#log;
  }

  /** Starts `forkpoint worker`. Resolves when it serves. */
  async work(...args: string[]): Promise<void> {
    const child = this.#spawn('worker', ...args);
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (/ running on task queue /.test(this.#log)) resolve();
      };
      child.stderr?.on('data', look);
      child.once('exit', (code) => reject(new Error(`The worker ended with ${code}: ${this.#log}`)));
    });
  }

  /** Ends its workers at once, as a power cut would. */
  async cut(): Promise<void> {
    const pids = (await readWorkerRecords({ home: this.data })).map(({ pid }) => pid);
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    for (const pid of pids) await waitForEnd(pid, 5_000);
  }

  async remove(): Promise<void> {
    await this.cut();
    for (const child of this.#started) if (child.exitCode === null) child.kill('SIGKILL');
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  #spawn(...args: string[]): ChildProcess {
    const child = spawn(process.execPath, [this.#program.script, ...args], {
      cwd: this.home,
      env: { PATH: process.env.PATH, HOME: this.home, FORKPOINT_HOME: this.data, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#user,
    });
    this.#started.push(child);
    for (const output of [child.stdout, child.stderr]) {
      output?.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    }
    return child;
  }
}

/** A checkout below a closed folder can't be read by others: then the other machine is the same user's. */
function canRun(script: string): boolean {
  const user = { uid: nobody, gid: nobody };
  const env = { PATH: process.env.PATH, HOME: '/nonexistent', FORKPOINT_HOME: '/nonexistent' };
  return spawnSync(process.execPath, [script, '--version'], { cwd: '/', env, ...user }).status === 0;
}

/** A folder that every user can write to, as a mounted share is. */
export async function makeShare(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-share-'));
  await mkdir(path.join(folder, 'store'));
  await chmod(folder, 0o755);
  await chmod(path.join(folder, 'store'), 0o777);
  return path.join(folder, 'store');
}
