// src/orchestration/temporal/cliDownload: downloads the Temporal CLI, once the user has agreed: which release, over
// which proxy, with which checksum. Nothing of a run or a session comes in.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { EngineUnavailableError, messageOf } from '../../../core/errors.ts';
import type { TemporalSettings } from '../temporalSettings.ts';
import type { CliRelease } from './cliRelease.ts';
import { type DownloadOptions, download } from './download.ts';

const run = promisify(execFile);
/** A download on a slow line takes a while; a second window waits for it. */
const lockWaitMs = 15 * 60_000;

export interface InstallOptions extends DownloadOptions {
  withLock: TemporalSettings['withLock'];
  /** @param total null where the server doesn't say */
  onProgress?: (bytes: number, total: number | null) => void;
}

/**
 * Downloads the CLI, checks it against the release's checksums and puts it in its folder, whole or not at all.
 * @returns the program
 * @throws EngineUnavailableError, or the signal's reason
 */
export async function installCli(release: CliRelease, options: InstallOptions): Promise<string> {
  const { folder, program } = release;
  const parent = path.dirname(folder);
  await options.withLock(
    `${folder}.lock`,
    async () => {
      // Another window may have been quicker.
      if (await isThere(program)) return;
      await removePartials(parent, `${path.basename(folder)}.partial-`);
      const partial = `${folder}.partial-${process.pid}`;
      await mkdir(partial, { recursive: true, mode: 0o700 });
      try {
        await fetchInto(partial, release, options);
        await rename(partial, folder);
      } finally {
        await rm(partial, { recursive: true, force: true });
      }
    },
    lockWaitMs,
  );
  return program;
}

async function fetchInto(folder: string, release: CliRelease, options: InstallOptions): Promise<void> {
  const { archive, program, archiveUrl, checksumsUrl } = release;
  const expected = checksumOf(await textOf(checksumsUrl, options), archive);
  if (expected === null) throw refused(release, `${checksumsUrl} has no checksum of it`);
  const file = path.join(folder, archive);
  const found = await save(archiveUrl, file, options);
  if (found !== expected) throw refused(release, 'its checksum is not the one that was published');
  const name = path.basename(program);
  try {
    // Part of Linux, macOS and Windows 10.
    await run('tar', ['-xzf', archive, name], { cwd: folder, signal: options.signal });
    await chmod(path.join(folder, name), 0o755);
  } catch (error) {
    options.signal.throwIfAborted();
    throw refused(release, `it can't be unpacked: ${messageOf(error)}`, error);
  }
  await rm(file);
}

/** Writes what comes to the file. @returns its SHA-256 */
async function save(url: string, file: string, options: InstallOptions): Promise<string> {
  const response = await download(url, options);
  const total = Number(response.headers.get('content-length')) || null;
  const hash = createHash('sha256');
  let bytes = 0;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      options.onProgress?.(bytes, total);
      done(null, chunk);
    },
  });
  try {
    await pipeline(response.body ?? [], measured, createWriteStream(file, { mode: 0o600 }), { signal: options.signal });
  } catch (error) {
    throw brokenOff(url, error, options.signal);
  }
  return hash.digest('hex');
}

async function textOf(url: string, options: DownloadOptions): Promise<string> {
  const response = await download(url, options);
  return response.text().catch((error: unknown) => Promise.reject(brokenOff(url, error, options.signal)));
}

/** @throws the signal's reason */
function brokenOff(url: string, error: unknown, signal: AbortSignal): EngineUnavailableError {
  signal.throwIfAborted();
  const hint = 'Try again; what had come was removed.';
  return new EngineUnavailableError(`The download broke off: ${messageOf(error)}`, hint, { url }, { cause: error });
}

/** A line is `HASH  FILE`. */
function checksumOf(list: string, archive: string): string | null {
  const line = list.split('\n').map((entry) => /^([\da-f]{64}) [ *](.+)$/i.exec(entry.trim()));
  return line.find((found) => found?.[2] === archive)?.[1]?.toLowerCase() ?? null;
}

function refused({ archive, host }: CliRelease, why: string, cause?: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `${archive} of ${host} is not used: ${why}.`,
    'Try again, or install the Temporal CLI by hand: https://docs.temporal.io/cli.',
    undefined,
    { cause },
  );
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/** What a download left whose process was killed. */
async function removePartials(parent: string, prefix: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => rm(path.join(parent, name), { recursive: true, force: true })));
}
