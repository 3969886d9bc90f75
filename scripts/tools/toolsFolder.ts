import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NpmTool {
  package: string;
  version: string;
  integrity: string;
  /** What `toolPath` gives, relative to the tool's folder. */
  file: string;
  /** A file that only a whole installation has. */
  proof: string;
  installScripts: string[];
  /** A package that installs packages of its own: the script that does, and those whose native code is compiled. */
  parts?: { folder: string; script: string; natives: { folder: string; packages: string[] } };
  /** Leaves out optional dependencies: the SDK's would be another Claude Code. */
  omitOptional?: boolean;
  aptPackages: string[];
  purpose: string;
  takes: string;
}

/** A program that a Python package carries. */
export interface Wheel {
  wheel: string;
  version: string;
  /** Of the package's file, by `PLATFORM-ARCHITECTURE`. */
  sha256: Record<string, string>;
}

interface Pins {
  npm: Record<string, NpmTool>;
  temporal: Wheel & { module: string };
  s3: { version: string; module: string };
  go: Wheel & { minimum: string };
}

/** The pinned versions and checksums of all tools. */
export const pins = JSON.parse(readFileSync(new URL('../tools.json', import.meta.url), 'utf8')) as Pins;

/** Where the tools live, outside the checkout. `FORKPOINT_TOOLS` moves it. */
export function toolsFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || path.join(homedir(), '.cache');
  return process.env['FORKPOINT_TOOLS'] || path.join(cache, 'forkpoint-tools');
}

/** Folder of an npm tool. It gets its name only when it is whole, so an interrupted installation is never taken for one. */
export function npmToolFolder(tool: NpmTool): string {
  return path.join(toolsFolder(), `${tool.package.split('/').at(-1)}-${tool.version}`);
}

/**
 * A new folder to install into before it gets its name. Removes what an interrupted installation left: call it with the
 * lock of `name` held. The number keeps a child of the interrupted one, which may live on, out of ours.
 */
export async function newPartialFolder(name: string): Promise<string> {
  const prefix = `.partial-${name}-`;
  const left = (await readdir(toolsFolder())).filter((entry) => entry.startsWith(prefix));
  await Promise.all(left.map((entry) => rm(path.join(toolsFolder(), entry), { recursive: true, force: true })));
  const folder = path.join(toolsFolder(), `${prefix}${process.pid}`);
  await mkdir(folder, { recursive: true });
  return folder;
}

/** First program of one of these names on PATH, or null. `node_modules/.bin` folders don't count. */
export function onPath(...names: string[]): string | null {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => !isNodeModules(folder));
  for (const name of names) {
    const hit = folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
    if (hit) return hit;
  }
  return null;
}

function isNodeModules(folder: string): boolean {
  return folder.split(path.sep).includes('node_modules');
}

/**
 * Runs `install` while holding the lock of this name, so that two sessions don't install the same tool at once. A lock
 * whose owner is gone (killed in mid-install) is taken over.
 */
export async function withLock<T>(name: string, install: () => Promise<T>): Promise<T> {
  await mkdir(toolsFolder(), { recursive: true });
  const lock = path.join(toolsFolder(), `.${name}.lock`);
  let said = false;
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = await lockOwner(lock);
      if (owner === null || !isAlive(owner)) {
        await rm(lock, { force: true });
        continue;
      }
      if (!said) console.log(`  ${name}: process ${owner} installs it already; waiting for it`);
      said = true;
      await sleep(500);
    }
  }
  try {
    return await install();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Process that holds the lock; null where its file is gone or was never filled. */
async function lockOwner(lock: string): Promise<number | null> {
  for (let attempt = 1; attempt <= 10; attempt++) {
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner > 0) return owner;
    await sleep(50);
  }
  return null;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
