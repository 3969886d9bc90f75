import path from 'node:path';
import { type TemporalSettings, temporalFolder } from '../temporalSettings.ts';

/** The version that our tests run on. Pinned: a later version comes with one of our releases. */
const version = '1.5.1';
/** Of the archive, about: platforms differ by a few megabytes. */
const megabytes = 50;

/** Where Temporal publishes its CLI: `vX/temporal_cli_X_OS_ARCH.tar.gz` beside `vX/checksums.txt`. */
const official = 'https://github.com/temporalio/cli/releases/download';

/** One official build of the Temporal CLI. */
export interface CliRelease {
  version: string;
  host: string;
  megabytes: number;
  archive: string;
  archiveUrl: string;
  checksumsUrl: string;
  /** Folder that it is kept in. */
  folder: string;
  /** The program in it. */
  program: string;
}

/**
 * The build for this machine, null where Temporal publishes none.
 * `FORKPOINT_TEMPORAL_DOWNLOAD` names a mirror of the same layout.
 */
export function cliReleaseFor(
  settings: Pick<TemporalSettings, 'home' | 'env'>,
  platform: NodeJS.Platform = process.platform,
  arch: string = process.arch,
): CliRelease | null {
  const os = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[platform as string];
  const cpu = { x64: 'amd64', arm64: 'arm64' }[arch];
  if (os === undefined || cpu === undefined) return null;
  const base = `${settings.env.FORKPOINT_TEMPORAL_DOWNLOAD || official}/v${version}`;
  const archive = `temporal_cli_${version}_${os}_${cpu}.tar.gz`;
  const folder = path.join(temporalFolder(settings), `cli-${version}`);
  return {
    version,
    host: URL.canParse(base) ? new URL(base).host : base,
    megabytes,
    archive,
    archiveUrl: `${base}/${archive}`,
    checksumsUrl: `${base}/checksums.txt`,
    folder,
    program: path.join(folder, platform === 'win32' ? 'temporal.exe' : 'temporal'),
  };
}

/** What else brings a CLI to this machine. */
export function otherWays(platform: NodeJS.Platform = process.platform): string[] {
  const byManager = platform === 'win32' ? 'winget install Temporal.TemporalCLI' : 'brew install temporal';
  return [`\`${byManager}\``, 'https://docs.temporal.io/cli'];
}
