import type { RunId } from '../ids.ts';

/** The Temporal server that runs are sent to. Unknown is null. */
export interface TemporalServerStatus {
  /** `running`: it answers. `starting`: our process lives but does not answer yet. `stopped`: nothing answers at the address. */
  state: 'running' | 'starting' | 'stopped';
  /** `host:port`. */
  address: string;
  /** Address of the web UI, null where none is known. */
  ui: string | null;
  /** Process id, where Forkpoint started the server. */
  pid: number | null;
  /** Forkpoint started it, and may stop it. */
  managed: boolean;
}

/** A process that answers the runs of a task queue. */
export interface TemporalWorkerStatus {
  /** Null for a worker of another machine. */
  pid: number | null;
  taskQueue: string;
  /** `draining`: takes nothing new and ends when what it does is done. */
  state: 'starting' | 'running' | 'draining';
}

/** Versions of a worker deployment that new runs go to, as `deployment:build id`. */
export interface TemporalVersions {
  /** Null: workers of no version. */
  current: string | null;
  /** Gets a part of the new runs. */
  ramping: string | null;
  rampingPercent: number;
}

/** What `forkpoint temporal status --json` prints. */
export interface TemporalStatus {
  server: TemporalServerStatus;
  workers: TemporalWorkerStatus[];
  /** Null where no deployment serves the task queue. */
  versions?: TemporalVersions | null;
}

/** The official Temporal CLI, which can be downloaded where none is found. */
export interface CliOffer {
  version: string;
  /** Where it comes from. */
  host: string;
  /** Of the download, about. */
  megabytes: number;
  /** Folder that it is kept in. */
  folder: string;
  /** What else brings one: commands and addresses. */
  otherWays: string[];
}

/** A server that lets the web UI read encrypted payloads. */
export interface CodecServer {
  /** What the web UI and the Temporal CLI are told; a secret token is part of it. */
  endpoint: string;
  /** Origins whose pages may ask. */
  origins: readonly string[];
  close(): Promise<void>;
}

/** A profile of the person's `temporal.toml`. */
export interface TemporalProfile {
  name: string;
  /** `host:port`; null where it names none. */
  address: string | null;
  namespace: string;
  /** `server`: the server shows a certificate; `mutual`: so do we. */
  tls: 'none' | 'server' | 'mutual';
  hasApiKey: boolean;
  /** Runs are sent with it. */
  chosen: boolean;
}

/** How the replay of one execution of a run went. A run that outgrew a history has several executions. */
export interface ReplayedExecution {
  /** What Temporal calls a run id. */
  executionId: string;
  /** Of its history. */
  events: number;
  /** Where the workflow would do something else now; null: it does the same. */
  error: string | null;
}

/** A program that replays a run, to be run in a debugger. */
export interface ReplayProgram {
  program: string;
  cwd: string;
  args: string[];
  env: Record<string, string>;
  /** Path of the Node to run it with; null: the debugger's choice. */
  runtime: string | null;
}

/** What a worker in the foreground does otherwise than one that Forkpoint starts by itself. */
export interface ForegroundWorker {
  /** Serves agent branches, too. Default true. */
  agents?: boolean | undefined;
  /** Model calls at once; `auto`: as the machine's load allows. */
  concurrency?: number | 'auto' | undefined;
  /** `host:port` on this machine that Prometheus asks for metrics. */
  metrics?: string | undefined;
  /** `host:port` on this machine that says whether the worker takes work. */
  health?: string | undefined;
  /** Makes it a version of this deployment: runs stay with the version that they began on. */
  deployment?: string | undefined;
  /** Names the version. Default: a digest of the workflows. */
  buildId?: string | undefined;
}

/** The local Temporal dev server and the workers that Forkpoint starts. */
export interface TemporalControl {
  readonly taskQueue: string;
  /** Never throws for a server that is down: that is a state. */
  status(): Promise<TemporalStatus>;
  /**
   * Starts the dev server, unless one already answers at the address: that one is used as it is.
   * @throws EngineUnavailableError where no Temporal CLI is found or the server does not come up; BadInputError where the
   * address is not on this machine
   */
  startServer(): Promise<TemporalStatus>;
  /** What starting the server needs to download first; null where it needs nothing, or nothing is published for this machine. */
  cliOffer(): Promise<CliOffer | null>;
  /**
   * Downloads what `cliOffer` names, and keeps it.
   * @param options.onProgress is told bytes, and the total where it is known
   * @throws EngineUnavailableError, or the signal's reason
   */
  installCli(options: {
    signal: AbortSignal;
    onProgress?: (bytes: number, total: number | null) => void;
  }): Promise<void>;
  /** Runs that are under way on the server, on our task queue. Empty where it does not answer. */
  openRuns(): Promise<RunId[]>;
  /** Stops the server and the workers that Forkpoint started; a server started elsewhere is left alone. @throws BadInputError for one of those */
  stopServer(): Promise<TemporalStatus>;
  /**
   * Starts a worker of our own, unless one already serves the task queue.
   * @throws EngineUnavailableError
   */
  ensureWorker(): Promise<void>;
  /** Asks the workers that Forkpoint started to end once what they do is done. */
  stopWorkers(): Promise<void>;
  /**
   * Runs a worker in the foreground, its log on stderr. Resolves with its exit code.
   * @param signal drains it
   * @throws BadInputError for addresses that are not on this machine
   */
  runWorker(signal: AbortSignal, options?: ForegroundWorker): Promise<number>;
  /**
   * Starts a server on 127.0.0.1 that encodes and decodes payloads for the web UI and the Temporal CLI.
   * @param options.origin of the web UI; default: that of the server's own
   * @param options.port default: one that is free
   * @throws BadInputError where no key is set, or the port is taken
   */
  startCodecServer(options: { origin?: string; port?: number }): Promise<CodecServer>;
  /** The person's Temporal profiles. @throws EngineUnavailableError where they can't be read */
  profiles(): Promise<TemporalProfile[]>;
  /** Address of a run in the web UI, null where no UI is known. */
  runUrl(runId: RunId): Promise<string | null>;
  /**
   * Replays the history of a run's latest attempt by the workflows of this build, oldest execution first. Nothing is asked, sent or logged.
   * @param signal ends it; its reason is thrown
   * @throws NotFoundError where the server knows nothing of the run; EncryptionError without the run's key; EngineUnavailableError
   */
  replayRun(runId: RunId, signal: AbortSignal): Promise<ReplayedExecution[]>;
  /** The same, for a debugger: it stops where the workflow begins. Fetches the history into a file of our data folder. @throws as `replayRun` */
  replayProgram(runId: RunId): Promise<ReplayProgram>;
}
