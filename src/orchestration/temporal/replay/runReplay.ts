import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { EngineUnavailableError } from '../../../core/errors.ts';
import type { RunId } from '../../../core/ids.ts';
import type { ReplayedExecution, ReplayProgram } from '../../../core/run/temporalControl.ts';
import { variablesOf } from '../connection.ts';
import { programEnv } from '../programEnv.ts';
import { type TemporalSettings, temporalFolder } from '../temporalSettings.ts';
import type { ExecutionHistory } from './executionHistory.ts';

type Settings = Pick<TemporalSettings, 'home' | 'env' | 'workerScript'>;

/**
 * Replays the histories in a process of its own: the native core has no place in an extension host.
 * @throws EngineUnavailableError where that process can't do its work; the signal's reason
 */
export async function runReplay(
  settings: Settings,
  runId: RunId,
  histories: readonly ExecutionHistory[],
  signal: AbortSignal,
): Promise<ReplayedExecution[]> {
  const program = shippedProgram(settings);
  const file = path.join(historiesFolder(settings), `${runId}-${crypto.randomUUID()}.json`);
  try {
    await write(file, histories);
    return await replayed([program, file], envOf(settings), signal);
  } finally {
    await rm(file, { force: true });
  }
}

/** The program that does the same in a debugger. Its file stays, so that the debugger can restart it, until another run is debugged. */
export async function replayProgramOf(
  settings: Settings,
  runId: RunId,
  histories: readonly ExecutionHistory[],
): Promise<ReplayProgram> {
  const program = shippedProgram(settings);
  const folder = path.join(historiesFolder(settings), 'debugged');
  await rm(folder, { recursive: true, force: true });
  const file = path.join(folder, `${runId}.json`);
  await write(file, histories);
  return {
    program,
    cwd: path.dirname(program),
    args: [file, '--debug'],
    env: variablesOf(envOf(settings)),
    // A debugger can't steer the editor's own program; that of a server without a window is a plain Node.
    runtime: process.versions['electron'] === undefined ? process.execPath : null,
  };
}

function replayed(args: string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<ReplayedExecution[]> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const told: ReplayedExecution[] = [];
    let problem = '';
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const stop = (): void => void child.kill();
    signal.addEventListener('abort', stop, { once: true });
    child.on('message', (message) => told.push(message as ReplayedExecution));
    child.stderr?.on('data', (text: Buffer) => {
      problem = `${problem}${text.toString()}`.slice(-2_000);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason);
      else if (code === 0) resolve(told);
      else reject(brokenReplay(code, problem));
    });
  });
}

function brokenReplay(code: number | null, problem: string): EngineUnavailableError {
  return new EngineUnavailableError(
    `The replay ended before it was through (${code === null ? 'killed' : `exit code ${code}`}). ${problem}`.trim(),
    'This machine may lack what Temporal’s core needs. If not, please report this.',
  );
}

/** No deadlock is seen in a workflow that stands at a breakpoint. */
function envOf({ env }: Settings): NodeJS.ProcessEnv {
  return { ...programEnv(env), TEMPORAL_DEBUG: '1' };
}

/** @throws EngineUnavailableError */
function shippedProgram({ workerScript }: Settings): string {
  const program = path.join(path.dirname(workerScript), 'replay.js');
  if (existsSync(program)) return program;
  throw new EngineUnavailableError(
    'This build of Forkpoint can’t replay runs on this machine.',
    'Install the build for your platform.',
  );
}

function historiesFolder(settings: Settings): string {
  return path.join(temporalFolder(settings), 'histories');
}

async function write(file: string, histories: readonly ExecutionHistory[]): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(histories), { mode: 0o600 });
}
