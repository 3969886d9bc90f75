import { execFile } from 'node:child_process';
import { access, constants, readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, extname, join, resolve } from 'node:path';
import { agentEnvironment } from '../../core/agent/agentEnvironment.ts';
import { agentLogin } from '../../core/agent/agentLogin.ts';
import type { AgentFinder, FoundAgent } from '../../core/agent/agentPorts.ts';
import { BadInputError } from '../../core/errors.ts';
import { configEnvironment, homeIn } from './configEnvironment.ts';

export interface AgentFinderOptions {
  /** The program that a setting, a flag or a variable names. */
  path?: string | undefined;
  /** Default: this process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Folders that editors keep extensions in, and folders of extensions themselves. */
  extensionFolders?: readonly string[];
  /** Claude Code's config folder, whose login is asked for. Default: the usual one. */
  configDir?: string | undefined;
  platform?: NodeJS.Platform;
}

interface Candidate {
  program: string;
  from: string;
}

/** How long a question to the program may take, in milliseconds. */
const patienceMs = 10_000;
/** So long it is taken that nobody logged in or out, in milliseconds. */
const loginMs = 60_000;

/** Looks for the user's Claude Code: where it was told, then on PATH, in Claude Code's own extension, in the usual places. */
export function createAgentFinder(options: AgentFinderOptions = {}): AgentFinder {
  const { path, env = process.env, extensionFolders = [], configDir, platform = process.platform } = options;
  const programs = new AskedPrograms(configDir === undefined ? env : configEnvironment(env, configDir));
  return {
    async find() {
      const told = path?.trim() ?? '';
      if (told !== '') {
        const program = await resolved(withHome(told, env), platform);
        const version = program === null ? null : await programs.version(program);
        if (program !== null && version !== null) return programs.describe({ program, from: 'setting' }, version);
        throw new BadInputError(
          `There is no Claude Code at ${told}.`,
          'Correct the path (forkpoint.claudePath, --claude or FORKPOINT_CLAUDE), or leave it out.',
        );
      }
      for await (const candidate of candidates(env, extensionFolders, platform)) {
        const version = await programs.version(candidate.program);
        if (version !== null) return programs.describe(candidate, version);
      }
      return null;
    },
  };
}

async function* candidates(
  env: Readonly<Record<string, string | undefined>>,
  extensionFolders: readonly string[],
  platform: NodeJS.Platform,
): AsyncGenerator<Candidate> {
  const name = platform === 'win32' ? 'claude.exe' : 'claude';
  const home = homeIn(env);
  const path = (env.PATH ?? env.Path ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = path.flatMap((folder) =>
    platform === 'win32' ? [join(folder, name), join(folder, 'claude.cmd')] : [join(folder, name)],
  );
  const extensions = (await claudeExtensions(extensionFolders)).map((folder) =>
    join(folder, 'resources', 'native-binary', name),
  );
  const usual = [join(home, '.claude', 'local', name), join(home, '.local', 'bin', name)];
  for (const [from, files] of [
    ['PATH', onPath],
    ['extension', extensions],
    ['usual place', usual],
  ] as const) {
    for (const file of files) {
      const program = await resolved(file, platform);
      if (program !== null) yield { program, from };
    }
  }
}

/** Folders of Claude Code's own extension, the newest version first. */
async function claudeExtensions(folders: readonly string[]): Promise<string[]> {
  const isClaude = (name: string): boolean => /^anthropic\.claude-code(-\d|$)/.test(name);
  const found: string[] = [];
  for (const folder of folders) {
    if (isClaude(basename(folder))) found.push(folder);
    const names = await readdir(folder).catch(() => []);
    found.push(...names.filter(isClaude).map((name) => join(folder, name)));
  }
  return found.sort((a, b) => basename(b).localeCompare(basename(a), 'en', { numeric: true }));
}

function withHome(path: string, env: Readonly<Record<string, string | undefined>>): string {
  return /^~[\\/]/.test(path) ? join(homeIn(env), path.slice(2)) : path;
}

/** The program behind a path, absolute; null where there is none that can be started. */
async function resolved(path: string, platform: NodeJS.Platform): Promise<string | null> {
  const file = resolve(path);
  const there = await stat(file).catch(() => null);
  if (there?.isFile() !== true) return null;
  if (platform === 'win32') return extname(file).toLowerCase() === '.cmd' ? behindShim(file, platform) : file;
  return access(file, constants.X_OK).then(
    () => file,
    () => null,
  );
}

/** npm's `claude.cmd` can only be started through a shell, which would read our arguments anew: what it starts is named in it. */
async function behindShim(file: string, platform: NodeJS.Platform): Promise<string | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [, relative] = /"%(?:~dp0|dp0%)\\?([^"%]+\.exe)"/i.exec(text) ?? [];
  return relative === undefined ? null : resolved(join(dirname(file), ...relative.split('\\')), platform);
}

/** What programs said of themselves, cached as long as the file is the same. */
class AskedPrograms {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #versions = new Map<string, string | null>();
  readonly #logins = new Map<string, { until: number; login: ReturnType<typeof agentLogin> }>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** Null where it is no Claude Code. */
  async version(program: string): Promise<string | null> {
    const { mtimeMs, size } = await stat(program);
    const key = `${program} ${mtimeMs} ${size}`;
    const known = this.#versions.get(key);
    if (known !== undefined) return known;
    const said = await this.#ask(program, ['--version']);
    const [, version = null] = /^(\d+\.\d+\.\d+[\w.+-]*) \(Claude Code\)/.exec(said) ?? [];
    // One that did not answer in time may do so next time.
    if (said !== '') this.#versions.set(key, version);
    return version;
  }

  async describe({ program, from }: Candidate, version: string): Promise<FoundAgent> {
    const known = this.#logins.get(program);
    const now = performance.now();
    if (known !== undefined && known.until > now) return { program, version, from, ...known.login };
    const login = agentLogin(await this.#ask(program, ['auth', 'status', '--json']));
    this.#logins.set(program, { until: now + loginMs, login });
    return { program, version, from, ...login };
  }

  /** What it prints, also where it ends with an error; nothing where it can't be started or takes too long. */
  #ask(program: string, args: readonly string[]): Promise<string> {
    return new Promise((done) => {
      const options = {
        env: agentEnvironment(this.#env, {}),
        // Not a project's: its settings are none of this question's.
        cwd: homedir(),
        timeout: patienceMs,
        killSignal: 'SIGKILL',
        windowsHide: true,
      } as const;
      const child = execFile(program, [...args], options, (error, stdout) => done(error?.killed ? '' : stdout));
      child.stdin?.end();
    });
  }
}
