import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.ts';
import { installSystemPackages, missingPackages } from './systemPackages.ts';
import type { Wheel } from './toolsFolder.ts';

/** Whether the package is pinned for this platform. */
export function hasWheel({ sha256 }: Wheel): boolean {
  return `${process.platform}-${process.arch}` in sha256;
}

/**
 * Unpacks a Python package into a folder; its programs come to lie in `bin`.
 * @throws Error where pip fails or the checksum is another than the pinned one
 * @throws MissingToolError without pip, where it can't be installed
 */
export async function installWheel({ wheel, version, sha256 }: Wheel, folder: string): Promise<void> {
  await installSystemPackages(missingPackages(['python3', 'python3-pip']), `fetching the Python package ${wheel}`);
  const requirements = path.join(folder, 'requirements.txt');
  const hash = sha256[`${process.platform}-${process.arch}`];
  await writeFile(requirements, `${wheel}==${version} --hash=sha256:${hash}\n`);
  const options = ['--quiet', '--no-deps', '--require-hashes', '--target', folder];
  await run('python3', ['-m', 'pip', 'install', ...options, '-r', requirements]);
}
