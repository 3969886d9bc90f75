import { existsSync } from 'node:fs';
import path from 'node:path';
import { buildWithGo } from './buildWithGo.ts';
import { pins, toolsFolder, withLock } from './toolsFolder.ts';

function cached(): string {
  const program = process.platform === 'win32' ? 'versitygw.exe' : 'versitygw';
  return path.join(toolsFolder(), `versitygw-${pins.s3.version}`, 'bin', program);
}

/** The S3 server that tests start on loopback: `S3_SERVER`, else the one in our cache, else null. */
export function findS3Server(): string | null {
  const named = process.env['S3_SERVER'];
  if (named) return existsSync(named) ? named : null;
  return existsSync(cached()) ? cached() : null;
}

/** Builds the S3 server into the cache. @throws MissingToolError */
export async function ensureS3Server(): Promise<void> {
  await withLock('s3-server', async () => {
    if (findS3Server()) return;
    const { module, version } = pins.s3;
    const otherwise = 'set S3_SERVER=/path/to/versitygw';
    const file = cached();
    await buildWithGo({
      name: 'S3 server',
      takes: '1 to 2 minutes',
      module,
      version,
      file,
      otherwise,
      optimized: false,
    });
  });
}
