import type { ChangeStore } from '../../core/agent/agentPorts.ts';
import type { Confinement } from './confinement.ts';

/** What every kind of place works with. */
export interface PlaceDeps {
  /** Folder of all places, absolute, links resolved. */
  places: string;
  changes: ChangeStore;
  confinement: Confinement;
  /** Folders that what is written there must reach, absolute: no layer may lie over them. */
  notLayered: readonly string[];
}

/** The largest project that is copied byte by byte, where the file system can't clone. */
export interface CopyLimit {
  bytes: number;
  files: number;
}

export const defaultCopyLimit: CopyLimit = { bytes: 500_000_000, files: 50_000 };
