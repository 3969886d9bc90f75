import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/adapters/freePort.ts';
import { run } from './tools/run.ts';
import { toolPath } from './tools.ts';

export interface CodeServerOptions {
  /** Folder with the installed extension, see `installVsix`. */
  extensionsDir: string;
  /** Opened in the editor. */
  workspace: string;
  /** Whether workspaces are trusted without asking. Default: true. */
  trusted?: boolean;
  /** Merged into the user's settings. */
  settings?: Record<string, unknown>;
  /** For the server and so for the extension host, for example CLAUDE_CONFIG_DIR. */
  env?: Record<string, string>;
  /** Whether `env` is all of its environment. Default: beside a clean one with a scratch HOME. */
  wholeEnvironment?: boolean;
  /** Kept between two starts to prove what survives a restart; default: new ones. */
  home?: string;
  port?: number;
}

/** A code-server of its own on loopback: scratch home, settings and state. */
export interface CodeServer {
  /** Opens the workspace. */
  readonly url: string;
  readonly port: number;
  /** Scratch HOME; user data in `home/user-data`. */
  readonly home: string;
  /** What the server printed so far. */
  log(): string;
  /** Merges these into the user's settings instead of those given before; open windows follow. */
  configure(settings: Record<string, unknown>): Promise<void>;
  /** Ends the server and its extension hosts. The home stays unless it was made here. */
  stop(): Promise<void>;
}

/** Environment for processes under test: the system's PATH, no key, no Claude Code setting and no home of ours. */
export function cleanEnvironment(home: string, extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS', 'TEMPORAL_CLI'];
  const env = Object.fromEntries(kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
  return {
    ...env,
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, '.config'),
    XDG_DATA_HOME: path.join(home, '.local/share'),
    ...extra,
  };
}

/** Starts code-server and resolves when it answers. */
export async function startCodeServer(options: CodeServerOptions): Promise<CodeServer> {
  const home = options.home ?? (await mkdtemp(path.join(tmpdir(), 'forkpoint-ui-')));
  const userData = path.join(home, 'user-data');
  const configure = (settings: Record<string, unknown>) => writeSettings(userData, { ...options, settings });
  await configure(options.settings ?? {});
  const port = options.port ?? (await freePort());
  const args = [
    toolPath('code-server'),
    `--bind-addr=127.0.0.1:${port}`,
    `--config=${path.join(home, 'code-server.yaml')}`,
    '--auth=none',
    '--disable-telemetry',
    '--disable-update-check',
    '--disable-getting-started-override',
    `--user-data-dir=${userData}`,
    `--extensions-dir=${options.extensionsDir}`,
    options.workspace,
  ];
  const env = options.wholeEnvironment ? options.env : cleanEnvironment(home, options.env);
  const child = spawn(process.execPath, args, { env, detached: true });
  const output: string[] = [];
  child.stdout.on('data', (data: Buffer) => output.push(String(data)));
  child.stderr.on('data', (data: Buffer) => output.push(String(data)));
  const log = () => output.join('');
  const stop = async () => {
    await endGroup(child);
    if (!options.home) await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    await answers(`http://127.0.0.1:${port}/healthz`, child, log);
  } catch (error) {
    await stop();
    throw error;
  }
  const url = `http://127.0.0.1:${port}/?folder=${encodeURIComponent(options.workspace)}`;
  return { url, port, home, log, configure, stop };
}

async function writeSettings(userData: string, options: CodeServerOptions): Promise<void> {
  const settings = {
    'security.workspace.trust.enabled': true,
    // Trust is asked for once at start; the tests answer it, or the workspace is trusted because trust is off.
    ...((options.trusted ?? true) ? { 'security.workspace.trust.enabled': false } : {}),
    'security.workspace.trust.startupPrompt': 'never',
    'security.workspace.trust.banner': 'never',
    'workbench.startupEditor': 'none',
    'workbench.tips.enabled': false,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'workbench.colorTheme': 'Default Dark Modern',
    'window.autoDetectColorScheme': false,
    'telemetry.telemetryLevel': 'off',
    'extensions.autoCheckUpdates': false,
    'extensions.ignoreRecommendations': true,
    'chat.disableAIFeatures': true,
    'git.openRepositoryInParentFolders': 'never',
    ...options.settings,
  };
  // Settings of scope "machine" are read from the second file in a remote window, and code-server's are remote.
  for (const level of ['User', 'Machine']) {
    await mkdir(path.join(userData, level), { recursive: true });
    // Written in place, as the editor does it: one renamed into place goes unseen by a window that was reloaded.
    await writeFile(path.join(userData, level, 'settings.json'), JSON.stringify(settings, null, 2));
  }
}

/** Installs a VSIX as `code-server --install-extension` does. */
export async function installVsix(vsix: string, extensionsDir: string, home: string): Promise<void> {
  const folders = [`--user-data-dir=${path.join(home, 'install')}`, `--extensions-dir=${extensionsDir}`];
  const config = `--config=${path.join(home, 'code-server.yaml')}`;
  await run(process.execPath, [toolPath('code-server'), config, ...folders, '--install-extension', vsix, '--force'], {
    env: cleanEnvironment(home),
  });
}

/** Waits until the address answers with 200. @throws Error with the log where the process ends or 60 s are over */
export async function answers(url: string, child: ChildProcess, log: () => string): Promise<void> {
  const until = performance.now() + 60_000;
  while (performance.now() < until) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${log()}`);
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    await sleep(100);
  }
  throw new Error(`${url} didn't answer within 60 s:\n${log()}`);
}

/** Ends a process that was started with `detached: true`, together with everything that it started. */
export async function endGroup(child: ChildProcess): Promise<void> {
  const pid = child.pid;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  signalGroup(pid, 'SIGTERM');
  const killed = AbortSignal.timeout(5_000);
  killed.addEventListener('abort', () => signalGroup(pid, 'SIGKILL'));
  await ended;
  // The extension hosts are children of a child: what is left of the group must not outlive the test.
  signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}
