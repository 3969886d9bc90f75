import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import type { DiskFacts } from '../../core/setup/checkSetup.ts';

/** Whether the folder can be written to, which is tried, and how much room its disk has. */
export async function diskFacts(folder: string): Promise<DiskFacts> {
  const file = path.join(folder, `.setup-check-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(file, 'x');
    await rm(file, { force: true });
  } catch (error) {
    return { folder, freeBytes: null, problem: messageOf(error) };
  }
  const freeBytes = await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => null,
  );
  return { folder, freeBytes, problem: null };
}
