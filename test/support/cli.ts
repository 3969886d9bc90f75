import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as esbuild from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');

/** The command line in a folder of its own: as `npm test` has built it, else bundled from the sources as they are now. */
export async function bundleCli(): Promise<{ script: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'forkpoint-cli-'));
  await cp(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  const bundle = {
    script: path.join(folder, 'dist', 'cli.js'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  if (process.env['FORKPOINT_BUILT']) {
    // Tests put a worker of their own beside it.
    const filter = (file: string) => !/(?:\.map|\.node|(?:worker|workflows)\.js)$/.test(file);
    await cp(path.join(root, 'dist'), path.dirname(bundle.script), { recursive: true, filter });
    return bundle;
  }
  const options = path.join(root, 'scripts/bundleOptions.mjs');
  const { moduleForms } = (await import(options)) as { moduleForms: Record<string, string> };
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: { cli: 'src/cli/main.ts' },
    outdir: path.join(folder, 'dist'),
    bundle: true,
    alias: moduleForms,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    keepNames: true,
    logLevel: 'error',
    banner: {
      js: "import{createRequire as __forkpointRequire}from'node:module';var require=__forkpointRequire(import.meta.url);",
    },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
  });
  return bundle;
}

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
  /** The one JSON document of stdout. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of any shape
  json(): any;
  /** The JSON objects of stdout, one a line. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  lines(): any[];
}

export interface CliOptions {
  env?: Record<string, string>;
  cwd?: string;
  stdin?: string;
  /** Called with all of stderr so far, whenever there is more. */
  onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** Likewise of stdout. */
  onStdout?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** A home of its own for calls of the command line, with nothing of this machine's environment in it. */
export class CliBench {
  readonly home: string;
  readonly #script: string;

  private constructor(home: string, script: string) {
    this.home = home;
    this.#script = script;
  }

  static async make(script: string): Promise<CliBench> {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-home-'));
    await mkdir(path.join(home, 'work'));
    return new CliBench(home, script);
  }

  remove(): Promise<void> {
    return rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Calls the command line and waits for its end. */
  run(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, [this.#script, ...args], {
      cwd: options.cwd ?? path.join(this.home, 'work'),
      env: { PATH, HOME: this.home, FORKPOINT_HOME: path.join(this.home, 'data'), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onStdout?.(stdout, (signal) => child.kill(signal));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onStderr?.(stderr, (signal) => child.kill(signal));
    });
    child.stdin.end(options.stdin ?? '');
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) =>
        resolve({
          code,
          stdout,
          stderr,
          json: () => JSON.parse(stdout) as unknown,
          lines: () =>
            stdout
              .split('\n')
              .filter((line) => line !== '')
              .map((line) => JSON.parse(line) as unknown),
        }),
      );
    });
  }
}
