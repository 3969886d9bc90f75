import path from 'node:path';
import type { EncryptionSettings } from '../../core/encryptionSettings.ts';
import type { Tracer } from '../../core/tracer.ts';

/** How the Temporal engine, its dev server and its workers are set up on this machine. */
export interface TemporalSettings {
  /** Our data folder (`FORKPOINT_HOME`): runs, blobs, and what we know of the server and the workers. */
  home: string;
  /** `host:port`. Default: the user's Temporal profile or `TEMPORAL_ADDRESS`, else where our dev server is. */
  address?: string;
  /** Where our dev server is put where nothing names an address. Default: 127.0.0.1:7233. */
  defaultAddress?: string;
  /** Default: that of the profile or `TEMPORAL_NAMESPACE`, else `default`. */
  namespace?: string;
  /** Profile of `temporal.toml`. Default: `TEMPORAL_PROFILE`, else `default`. */
  profile?: string;
  /** Of runs that only workers of this data folder can carry out. */
  taskQueue: string;
  /** Of runs that every worker with the same shared store can carry out. Default: there are none. */
  sharedQueue?: string | null;
  /** The shared store: a folder's path or `s3://bucket/prefix`. Default: none. */
  store?: string | null;
  /** Path of the Temporal CLI; default: looked for. */
  cliPath?: string;
  /**
   * Runs the action while no other process of this machine, nor another caller, runs one under the same lock.
   * @param folder stands for the lock
   * @param waitMs for a living holder, one minute where it is left out
   */
  withLock: (folder: string, action: () => Promise<void>, waitMs?: number) => Promise<void>;
  /** What a download goes by, for proxies; undefined: Node's own. */
  fetch?: () => Promise<typeof globalThis.fetch | undefined>;
  /** Environment to look things up in and to start processes with. */
  env: NodeJS.ProcessEnv;
  /** For a worker that we start, beside it: proxies, as an editor is set up to use them. */
  workerEnv?: NodeJS.ProcessEnv;
  /** The built worker, `dist/worker.js`. */
  workerScript: string;
  /** For a worker that we start: where requests go. Default: the API's own. */
  baseUrl?: string;
  /** For a worker that we start: handed over through its stdin and kept nowhere. */
  apiKey: () => Promise<string | undefined>;
  /** Keys of the payload codec; null: payloads are not encrypted. Default: none. */
  encryption?: () => Promise<EncryptionSettings | null>;
  /** A worker that we start ends by itself after so long without an open run. Default 10 minutes. */
  workerIdleMs?: number;
  /** Model calls that a worker which we start makes at once. Default 20. */
  concurrency?: number;
  /** Calls of one model with one key at once, over all processes of this machine; null: any number. A worker takes it when it starts. */
  callsPerModel?: number | null;
  /** `host:port` on this machine where a worker that we start serves its metrics. Default: nowhere. */
  metrics?: string;
  /** Start a worker when none serves the task queue. Default true. */
  startWorkers?: boolean;
  /** Default: nothing is traced. */
  tracer?: Tracer;
}

/** Folder for what we know of the server and the workers. */
export function temporalFolder(settings: Pick<TemporalSettings, 'home'>): string {
  return path.join(settings.home, 'temporal');
}
