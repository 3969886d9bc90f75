import { spawn } from 'node:child_process';

export interface Ended {
  /** Null where a signal ended it, or it could not be started. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Runs a small program of the system. Its environment is ours; it never fails by throwing. */
export function runToEnd(file: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
      timeout: 20_000,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    child.on('error', (error) => resolve({ code: null, stdout: Buffer.alloc(0), stderr: error.message }));
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8').trim() }),
    );
  });
}
