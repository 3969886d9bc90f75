import { existsSync } from 'node:fs';
import { MissingToolError, run, timed } from './run.ts';
import { onPath, withLock } from './toolsFolder.ts';

let listsAreFresh = false;

/**
 * Sees to it that these Debian packages are there. As root it installs them, else it says what to do.
 * @param missing the packages whose absence was seen; nothing happens for an empty list
 * @throws MissingToolError where it can't
 */
export async function installSystemPackages(missing: string[], purpose: string): Promise<void> {
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/etc/debian_version') || !onPath('apt-get')) {
    throw new MissingToolError(
      `Missing for ${purpose}: ${missing.join(', ')}. Install them with your system's packages.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new MissingToolError(`Missing for ${purpose}: ${missing.join(', ')}. Install them: sudo ${command}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await timed(`apt-get install ${missing.join(' ')}`, async () => {
    // Several tools may be fetched at once, and apt-get refuses a second one of itself.
    await withLock('apt-get', async () => {
      if (!listsAreFresh) await run('apt-get', ['update', '-qq'], { env });
      listsAreFresh = true;
      await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
    });
  });
}

/** Those of `packages` that this machine lacks, judged by the file that each brings. */
export function missingPackages(packages: string[]): string[] {
  return packages.filter((name) => {
    if (name === 'python3-pip') return !onPath('pip3', 'pip');
    return !onPath(name);
  });
}
