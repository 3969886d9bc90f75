import { access, constants, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { EngineUnavailableError } from '../../core/errors.ts';
import { cliReleaseFor, otherWays } from './cliDownload/cliRelease.ts';

const executable = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Folders of the tool cache that may hold the CLI, newest version first. */
async function cachedCandidates(env: NodeJS.ProcessEnv): Promise<string[]> {
  const cache =
    env.FORKPOINT_TOOLS ??
    path.join(env.XDG_CACHE_HOME ?? path.join(env.HOME ?? homedir(), '.cache'), 'forkpoint-tools');
  const names = await readdir(cache).catch(() => [] as string[]);
  return names
    .filter((name) => name.startsWith('temporal-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => path.join(cache, name, 'bin', executable));
}

/** `details` of the error where there is no CLI at all. */
export const noCli = { missing: 'temporal-cli' } as const;

/**
 * Looks for the Temporal CLI: the setting, `TEMPORAL_CLI`, `temporal` on PATH, the one that was downloaded, our tool cache.
 * First hit wins.
 * @param home our data folder, where downloaded ones are kept
 * @throws EngineUnavailableError where there is none, or where the named one can't be run
 */
export async function findTemporalCli(
  cliPath: string | undefined,
  env: NodeJS.ProcessEnv,
  home?: string,
): Promise<string> {
  const named = cliPath || env.TEMPORAL_CLI;
  if (named) {
    if (await isExecutable(named)) return named;
    throw new EngineUnavailableError(
      `The Temporal CLI at ${named} can't be run.`,
      'Correct the setting forkpoint.temporal.cliPath or the variable TEMPORAL_CLI.',
    );
  }
  const onPath = (env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, executable));
  const downloaded = home === undefined ? null : cliReleaseFor({ home, env });
  const own = downloaded === null ? [] : [downloaded.program];
  for (const candidate of [...onPath, ...own, ...(await cachedCandidates(env))]) {
    if (await isExecutable(candidate)) return candidate;
  }
  throw new EngineUnavailableError(
    'No Temporal CLI was found on this machine, so the dev server can’t be started.',
    `Let it be downloaded (“Forkpoint: Start Temporal Dev Server”, or \`forkpoint temporal start --download\`), install it (${otherWays().join(', ')}), or name it in forkpoint.temporal.cliPath or TEMPORAL_CLI.`,
    noCli,
  );
}
