import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import { type CliRelease, cliReleaseFor } from '../../src/orchestration/temporal/cliDownload/cliRelease.ts';

const run = promisify(execFile);
export const cliName = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** The release for this machine, as a mirror has it. @param base address of the mirror */
export function releaseAt(base: string, home: string): CliRelease {
  const found = cliReleaseFor({ home, env: { FORKPOINT_TEMPORAL_DOWNLOAD: base } });
  if (found === null) throw new Error('Temporal publishes no CLI for this machine.');
  return found;
}

/** An archive as Temporal's releases have it, with a small script for the program. @param scratch folder to build it in */
export async function archiveOf(script: string, scratch: string): Promise<Buffer> {
  const folder = await mkdtemp(path.join(scratch, 'build-'));
  await writeFile(path.join(folder, cliName), script);
  await writeFile(path.join(folder, 'LICENSE'), 'a licence');
  await run('tar', ['-czf', 'archive.tar.gz', 'LICENSE', cliName], { cwd: folder });
  return readFile(path.join(folder, 'archive.tar.gz'));
}

export function checksumsOf(archive: Buffer, file: string): string {
  const sum = createHash('sha256').update(archive).digest('hex');
  return `${'0'.repeat(64)}  another.tar.gz\n${sum}  ${file}\n`;
}

/** Serves a release as GitHub does. @param blob where the archive's address redirects to */
export function releaseServer(checksums: string, blob: string): RequestListener {
  const { archive, version } = releaseAt('http://x', '/');
  return (request, response) => {
    if (request.url === `/v${version}/checksums.txt`) response.end(checksums);
    else if (request.url === `/v${version}/${archive}`) response.writeHead(302, { location: blob }).end();
    else response.writeHead(404).end();
  };
}
