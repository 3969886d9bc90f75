import { EngineUnavailableError } from '../../../core/errors.ts';
import type { CliOffer } from '../../../core/run/temporalControl.ts';
import { findTemporalCli, noCli } from '../findTemporalCli.ts';
import type { TemporalSettings } from '../temporalSettings.ts';
import { cliReleaseFor, otherWays } from './cliRelease.ts';

/** What can be downloaded; null where a CLI is found, or none is published for this machine. */
export async function cliOffer(settings: TemporalSettings): Promise<CliOffer | null> {
  const release = cliReleaseFor(settings);
  if (release === null) return null;
  try {
    await findTemporalCli(settings.cliPath, settings.env, settings.home);
    return null;
  } catch (error) {
    // One that is named and can't be run is a slip to mend, not one to work around.
    if (!(error instanceof EngineUnavailableError) || error.details !== noCli) return null;
    const { version, host, megabytes, folder } = release;
    return { version, host, megabytes, folder, otherWays: otherWays() };
  }
}
