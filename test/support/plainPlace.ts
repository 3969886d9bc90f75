import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Place, PlaceProcess, SpawnOptions } from '../../src/core/agent/agentPorts.ts';
import type { RunId } from '../../src/core/ids.ts';

/** A place that is a folder and nothing more: programs run in it as they are. */
export function plainPlace(folder: string, overrides: Partial<Place> = {}): Place {
  return {
    kind: 'overlay',
    id: { runId: 'test' as RunId, name: 'test' },
    path: folder,
    root: folder,
    projectRoot: folder,
    notes: [],
    userFolders: [],
    isConfined: false,
    toPlace: (file) => file,
    async refusesWrite(file) {
      const inside = !path.relative(folder, file).startsWith('..');
      return inside ? null : `It lies outside of ${folder}.`;
    },
    spawn: (command, options) => startPlainly(command, { cwd: folder, ...options }),
    commandLine: (command, { cwd = folder } = {}) => ({ command: [...command], cwd }),
    state: async () => null,
    changes: () => Promise.reject(new Error('A plain place knows no changes.')),
    commits: () => Promise.reject(new Error('A plain place knows no commits.')),
    ...overrides,
  };
}

function startPlainly([file = '', ...args]: readonly string[], { cwd, env }: SpawnOptions): PlaceProcess {
  const child = spawn(file, args, { cwd, env: { ...env }, stdio: 'pipe', detached: true });
  const pid = child.pid ?? -1;
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8');
  return {
    pid,
    stdin: { write: (text) => void child.stdin.write(text), end: () => void child.stdin.end() },
    onStdout: (listener) => void child.stdout.on('data', listener),
    onStderr: (listener) => void child.stderr.on('data', listener),
    ended: new Promise((resolve) => child.on('close', (exitCode, signal) => resolve({ exitCode, signal }))),
    signal: (name) => void child.kill(name),
    kill() {
      // Claude Code gives each of its shells a session of its own, so the process group alone would leave them.
      for (const one of [pid, ...descendantsOf(pid)]) kill(one);
    },
  };
}

/** All processes that a process started, and that these started. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // After the name in parentheses, which may hold anything: state, parent.
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended.
    }
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found.slice(1);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
