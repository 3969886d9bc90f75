import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { diskFacts } from './adapters/setup/diskFacts.ts';
import type { ApiSecret } from './core/api/apiSecret.ts';
import type { RunSharing } from './core/run/runSharing.ts';
import type { TemporalControl } from './core/run/temporalControl.ts';
import { checkSetup } from './core/setup/checkSetup.ts';
import type { SetupCheck } from './core/setup/setupCheck.ts';
import type { AgentRuns } from './core/useCases/agentRuns.ts';
import type { ScheduleService } from './core/useCases/schedules.ts';
import { encryptionKeysOf } from './orchestration/temporal/codec/encryptionKeys.ts';
import { findTemporalCli } from './orchestration/temporal/findTemporalCli.ts';
import type { TemporalSettings } from './orchestration/temporal/temporalSettings.ts';

export interface SetupServicesOptions {
  /** Of the project that is looked at. */
  folder: string | undefined;
  agents: AgentRuns;
  temporal: TemporalControl;
  schedules: Pick<ScheduleService, 'list'>;
  settings: TemporalSettings;
  apiHost: string;
  secret: () => Promise<ApiSecret | null>;
  /** Null without a shared store. */
  sharing: RunSharing | null;
  temporalIsDefault: boolean;
  /** Of the program that Forkpoint runs in, for example the editor. */
  versions: Readonly<Record<string, string>>;
}

/** Looks at everything that Forkpoint works with on this machine. Asks nobody outside, but a Temporal server that is configured. */
export async function runSetupChecks(options: SetupServicesOptions): Promise<SetupCheck[]> {
  const { folder, agents, temporal, schedules, settings, apiHost, secret, sharing, temporalIsDefault } = options;
  let status: ReturnType<TemporalControl['status']> | undefined;
  // Chunks of the bundle lie in dist/, sources in src/: the package's file is above both.
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return checkSetup({
    agent: () => agents.find(),
    secret,
    apiHost,
    places: async () => (folder === undefined ? null : agents.placeOptions(folder)),
    temporal: () => {
      status ??= temporal.status();
      return status;
    },
    temporalCli: () => findTemporalCli(settings.cliPath, settings.env, settings.home),
    activeSchedules: async () => (await schedules.list()).filter(({ paused }) => !paused).map(({ name }) => name),
    hasWorker: () => existsSync(settings.workerScript),
    encryptionKeyId: async () => {
      const encryption = (await settings.encryption?.()) ?? null;
      return encryption === null ? null : encryptionKeysOf(encryption).current;
    },
    store: sharing && (() => sharing.probe()),
    disk: () => diskFacts(settings.home),
    versions: {
      Forkpoint: version,
      Node: process.versions.node,
      [process.platform]: process.arch,
      ...options.versions,
    },
    temporalIsDefault,
  });
}
