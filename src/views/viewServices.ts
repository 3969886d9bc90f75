// src/views: all UI of the extension: a folder for each view, and beside the folders what several views share. Views
// get their services handed in. No adapter, no engine, no SDK and no Node module comes in.

import type { SessionArchive } from '../core/archive/sessionArchive.ts';
import type { BlobStore } from '../core/blobStore.ts';
import type { SessionStore } from '../core/fork/sessionStore.ts';
import type { ModelClients, RunStore } from '../core/run/ports.ts';
import type { TemporalControl } from '../core/run/temporalControl.ts';
import type { SessionSearch } from '../core/search/sessionSearch.ts';
import type { SetupCheck } from '../core/setup/setupCheck.ts';
import type { AgentRuns } from '../core/useCases/agentRuns.ts';
import type { ForkService } from '../core/useCases/forkService.ts';
import type { ScheduleService } from '../core/useCases/schedules.ts';

/** What set-up is looked at. */
interface SetupOrder {
  /** Folder of the project that agents would work on. */
  folder: string | undefined;
  temporalIsDefault: boolean;
  versions: Readonly<Record<string, string>>;
}

/** What the views work with. The extension's root makes it when a view first asks: activation constructs nothing. */
export interface ViewServices {
  sessions: SessionStore;
  search: SessionSearch;
  archive: SessionArchive;
  forks: ForkService;
  schedules: ScheduleService;
  agents: AgentRuns;
  runs: RunStore;
  blobs: BlobStore;
  models: ModelClients;
  temporal: TemporalControl;
  checkSetup: (order: SetupOrder) => Promise<SetupCheck[]>;
}

/** The services, made on first use, and made anew after a setting that they depend on has changed. */
export interface ServiceProvider {
  get(): Promise<ViewServices>;
  /** Calls back after the services were replaced: views read everything again. */
  onDidReplace(listener: () => void): { dispose(): void };
}
