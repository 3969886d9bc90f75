import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import type { PlaceProcess } from '../../core/agent/agentPorts.ts';
import { PlaceError } from '../../core/errors.ts';
import { childrenOf, type TakenMark } from './lifeMarks.ts';
import { type ProcessKey, type Sweeper, startSweeper } from './placeProcesses.ts';

export interface Launch {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** True: process 1 of a namespace stands between us and the program. Else it leads a process group; what leaves that, the script ends. */
  confined: true | { sweepScript: string | null };
}

/** How long a killed namespace may take to end by itself. */
const graceMs = 2_000;
/** How long output is waited for after a program's end: what nobody could end may hold that open for ever. */
const restMs = 1_000;

/**
 * Starts a program and gives the mark to it.
 * @param key stands in its environment, and in that of all that it starts
 * @throws PlaceError where it can't be started
 */
export function startProcess({ command, env, cwd, confined }: Launch, key: ProcessKey, mark: TakenMark): PlaceProcess {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd,
    env: { ...env, [key.name]: key.value },
    stdio: 'pipe',
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  const { pid } = child;
  // Before anything else: an error that nobody listens to ends the process.
  child.on('error', () => {});
  if (pid === undefined) {
    mark.release();
    throw new PlaceError(`Can’t start ${file} in the branch’s place.`, 'See that the program is there and can be run.');
  }
  try {
    mark.giveTo(pid);
  } catch (error) {
    // Nobody would know of it.
    child.kill('SIGKILL');
    throw error;
  }
  const script = confined === true ? null : confined.sweepScript;
  const sweeper = script === null ? null : startSweeper(script, key);
  return new StartedProcess(child, pid, confined === true, sweeper, mark);
}

class StartedProcess implements PlaceProcess {
  readonly pid: number;
  readonly ended: PlaceProcess['ended'];
  readonly stdin: PlaceProcess['stdin'];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #inNamespaces: boolean;
  readonly #sweeper: Sweeper | null;
  #over = false;
  #killed = false;

  constructor(
    child: ChildProcessWithoutNullStreams,
    pid: number,
    inNamespaces: boolean,
    sweeper: Sweeper | null,
    mark: TakenMark,
  ) {
    this.pid = pid;
    this.#child = child;
    this.#inNamespaces = inNamespaces;
    this.#sweeper = sweeper;
    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8');
    // A program that ends without reading closes the pipe.
    child.stdin.on('error', () => {});
    this.stdin = { write: (text) => void child.stdin.write(text), end: () => void child.stdin.end() };
    // What nobody listens to must not stop the program.
    setImmediate(() => {
      for (const stream of [child.stdout, child.stderr]) if (stream.listenerCount('data') === 0) stream.resume();
    });
    child.on('exit', () => {
      this.#over = true;
      // A surviving child would hold the output open. In a namespace none survives.
      if (inNamespaces) return;
      this.#killGroup();
      const timer = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, restMs);
      child.once('close', () => clearTimeout(timer));
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (exitCode, signal) => {
        void Promise.resolve(this.#sweeper?.sweep()).then(() => {
          mark.release();
          // A launcher in between reports this in its own words.
          resolve(this.#killed ? { exitCode: null, signal: 'SIGKILL' } : { exitCode, signal });
        });
      });
    });
  }

  onStdout(listener: (text: string) => void): void {
    this.#child.stdout.on('data', listener);
  }

  onStderr(listener: (text: string) => void): void {
    this.#child.stderr.on('data', listener);
  }

  signal(name: 'SIGINT' | 'SIGTERM'): void {
    if (this.#over) return;
    if (!this.#inNamespaces) return void this.#child.kill(name);
    const [first] = childrenOf(this.pid);
    const [program] = first === undefined ? [] : childrenOf(first);
    if (program !== undefined) trySignal(program, name);
  }

  kill(): void {
    if (this.#over) return;
    this.#killed = true;
    if (!this.#inNamespaces) return this.#killGroup();
    // Process 1 takes all others with it, and the one outside ends when they are gone: so that `ended` means that.
    const [first] = childrenOf(this.pid);
    if (first === undefined) return void this.#child.kill('SIGKILL');
    trySignal(first, 'SIGKILL');
    setTimeout(() => this.#child.kill('SIGKILL'), graceMs).unref();
  }

  #killGroup(): void {
    void this.#sweeper?.sweep();
    if (process.platform === 'win32') {
      execFile('taskkill', ['/pid', String(this.pid), '/T', '/F'], { windowsHide: true }, () => {});
      return;
    }
    trySignal(-this.pid, 'SIGKILL');
    if (!this.#over) this.#child.kill('SIGKILL');
  }
}

function trySignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
