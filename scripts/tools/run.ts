import { spawn } from 'node:child_process';

/** A person must do something first: the message says what is missing and how to get it. */
export class MissingToolError extends Error {
  override name = 'MissingToolError';
}

/**
 * Runs a program to its end and gives what it printed.
 * @throws Error with the last lines of its output where it fails, or after `timeoutMs`
 */
export async function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    timeout: options.timeoutMs,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let stdout = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data;
    stdout += data;
  });
  child.stderr.on('data', (data: Buffer) => {
    output += data;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return stdout.trim();
  const tail = output.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'a signal'}:\n${tail}`);
}

/** Says what is being done, and when it is done how long it took. Every ten seconds it says that it still goes on. */
export async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const elapsed = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  console.log(`  ${what}…`);
  const still = setInterval(() => console.log(`  ${what}… ${elapsed()}`), 10_000);
  try {
    const result = await work();
    console.log(`  ${what}: done in ${elapsed()}`);
    return result;
  } finally {
    clearInterval(still);
  }
}
