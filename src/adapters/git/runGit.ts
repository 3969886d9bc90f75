// src/adapters/git: Git: commits, objects, worktrees, by its files or its program. Nothing here writes, and git runs
// without hooks, pagers and network.

import { spawn } from 'node:child_process';
import { StorageError } from '../../core/errors.ts';
import { fileErrorCode } from '../fileErrors.ts';

export interface GitOptions {
  /** Folder that it runs in, absolute. */
  cwd: string;
  /**
   * `user`: settings of the person and the system count, as for a repository of theirs; `none`: nothing but what is given here,
   * so that what comes out is the same everywhere.
   */
  config: 'user' | 'none';
  input?: Uint8Array | string;
  /** Added to the environment; the only `GIT_…` variables that it sees. */
  env?: Readonly<Record<string, string>>;
  /** Milliseconds; default 2 minutes. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface GitResult {
  /** Null where a signal ended it: its time was up, or it printed too much. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Limit of a command’s output, in bytes. */
const largestOutput = 512 * 1024 * 1024;

// A repository's own configuration must not run anything, and nothing is fetched that is not there.
const safeConfig = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'protocol.allow=never',
  'safe.bareRepository=explicit',
  'gc.auto=0',
  'maintenance.auto=false',
].flatMap((setting) => ['-c', setting]);

const noConfig = ['core.attributesFile=/dev/null', 'core.excludesFile=/dev/null'].flatMap((setting) => ['-c', setting]);

/** The whole environment that git runs in. */
export function gitEnvironment({ config, env }: Pick<GitOptions, 'config' | 'env'>): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^GIT_/i.test(name));
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    LC_ALL: 'C',
    ...(config === 'none'
      ? { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_ATTR_NOSYSTEM: '1' }
      : undefined),
    ...env,
  };
}

/** The arguments with what stands before them: no hooks, pagers, prompts and network; paths are taken literally. */
export function gitArguments(config: GitOptions['config'], args: readonly string[]): string[] {
  // This command knows no patterns, and refuses to be told so. Names that begin with a colon need `./` before them there.
  const literal = args[0] === 'check-ignore' ? [] : ['--literal-pathspecs'];
  return ['--no-pager', ...literal, ...safeConfig, ...(config === 'none' ? noConfig : []), ...args];
}

/**
 * Runs git without a shell, hooks, pagers, prompts and network. Paths among the arguments are taken literally.
 * @returns also where git fails: its exit code says so
 * @throws StorageError where git can't be started, the signal's reason after an abort
 */
export function runGit(args: readonly string[], options: GitOptions): Promise<GitResult> {
  const { cwd, input, signal, timeoutMs = 120_000 } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn('git', gitArguments(options.config, args), {
      cwd,
      env: gitEnvironment(options),
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      signal,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let printed = 0;
    child.stdout.on('data', (piece: Buffer) => {
      stdout.push(piece);
      printed += piece.length;
      if (printed > largestOutput) child.kill('SIGKILL');
    });
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    // A git that ends before it has read everything says why by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', (error) => reject(signal?.aborted === true ? signal.reason : notStarted(error)));
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8').trim() }),
    );
  });
}

function notStarted(error: Error): StorageError {
  const why = fileErrorCode(error) ?? error.message;
  return new StorageError(`Can't start git (${why}).`, 'Install git and see that it is on PATH.', undefined, {
    cause: error,
  });
}

/** What git printed, null where it failed or can't be started. For questions to which git may have no answer. */
export async function askGit(args: readonly string[], options: GitOptions): Promise<Buffer | null> {
  const result = await runGit(args, options).catch(() => null);
  return result?.code === 0 ? result.stdout : null;
}

/** As `askGit`, as text without white space around it. */
export async function askGitText(args: readonly string[], options: GitOptions): Promise<string | null> {
  return (await askGit(args, options))?.toString('utf8').trim() ?? null;
}

/** What git printed. @throws StorageError where it fails, with what it said */
export async function needGit(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const { code, stdout, stderr } = await runGit(args, options);
  if (code === 0) return stdout;
  const said = stderr === '' ? `it ended with ${code === null ? 'a signal' : code}` : stderr;
  throw new StorageError(
    `git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed: ${said.slice(0, 2000)}`,
    'Check that the folder is writable and the disk is not full.',
    { code },
  );
}
