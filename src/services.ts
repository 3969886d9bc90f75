import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSessionArchive } from './adapters/archive/createSessionArchive.ts';
import { archiveIn, claudeDirsOf, defaultHome, homeOf } from './adapters/dataFolders.ts';
import type { PriceOverrides } from './adapters/prices/createPriceList.ts';
import type { ReadingFolders } from './adapters/reader/createReadingStore.ts';
import { sha256 } from './adapters/sha256.ts';
import { systemClock } from './adapters/systemClock.ts';
import type { Tracing } from './adapters/tracing/startTracing.ts';
import type { Executor } from './core/agent/agentSettings.ts';
import { type ApiSecret, chosenSecret } from './core/api/apiSecret.ts';
import type { SessionArchive } from './core/archive/sessionArchive.ts';
import type { BlobStore } from './core/blobStore.ts';
import type { Clock } from './core/clock.ts';
import { type EncryptionSettings, encryptionSettingsOf } from './core/encryptionSettings.ts';
import type { Provider } from './core/fork/forkPlan.ts';
import type { EngineKind } from './core/fork/runChoices.ts';
import type { SessionStore } from './core/fork/sessionStore.ts';
import type { AgentWork } from './core/run/agent/agentWork.ts';
import type { CallGate } from './core/run/callGate.ts';
import type { ForkEngine, ModelClient, ModelClients, PriceList, RunStore } from './core/run/ports.ts';
import type { ResultCache } from './core/run/resultCache.ts';
import type { RunSharing } from './core/run/runSharing.ts';
import type { TemporalControl } from './core/run/temporalControl.ts';
import type { SessionSearch } from './core/search/sessionSearch.ts';
import type { SetupCheck } from './core/setup/setupCheck.ts';
import { noTracer, type Tracer } from './core/tracer.ts';
import type { AgentRuns } from './core/useCases/agentRuns.ts';
import type { ForkService } from './core/useCases/forkService.ts';
import type { ScheduleService } from './core/useCases/schedules.ts';
import { AgentServices } from './lazyAgentServices.ts';
import type { TemporalEngineDeps } from './orchestration/temporal/temporalEngine.ts';
import type { TemporalSettings } from './orchestration/temporal/temporalSettings.ts';

export interface ServicesOptions {
  /** Claude Code's config folders. Default: `CLAUDE_CONFIG_DIR`, else `~/.claude`. */
  claudeDirs?: readonly string[];
  /** Where our own data lies. Default: `FORKPOINT_HOME`, else the user's data folder of this system. */
  home?: string;
  /**
   * Where transcripts are read. Default: in this thread. With `thread` in one of its own, for an editor that must not wait
   * meanwhile.
   */
  reader?: 'in-process' | 'thread';
  /** A key that a person stored, asked for whenever a request is sent. It wins over those of the environment. */
  apiKey?: () => Promise<string | undefined>;
  /** Default: `ANTHROPIC_AUTH_TOKEN`, which wins over `ANTHROPIC_API_KEY`. */
  authToken?: string | undefined;
  /**
   * Who looks after proxies. Default: we do, by the environment. An editor does so for the `fetch` of its extensions, by its own
   * settings; a worker that we start gets these.
   */
  proxy?: { by: 'editor'; forWorkers: NodeJS.ProcessEnv };
  /** Keys of the Temporal payload codec. Default: `FORKPOINT_ENCRYPTION_*`. */
  encryption?: () => Promise<EncryptionSettings | null>;
  /** Default: `ANTHROPIC_BASE_URL`, else the API's own. */
  baseUrl?: string;
  /** Who answers new runs. Default: the API. */
  provider?: Provider;
  /** Branches that run at once in this process. */
  concurrency?: number;
  /**
   * Calls of one model with one key that may be under way at once, over all runs and processes. Default:
   * `FORKPOINT_CALLS_PER_MODEL`, else any number.
   */
  callsPerModel?: number | null;
  prices?: PriceOverrides;
  /** The Claude Code to use. Default: `FORKPOINT_CLAUDE`, else looked for on PATH and where its extension keeps it. */
  claudePath?: string | undefined;
  /** Environment of agents, of what runs in their places, and of the Temporal worker. Default: this process's. */
  env?: NodeJS.ProcessEnv;
  /** Folders that hold editor extensions, Claude Code's own among them. */
  extensionFolders?: readonly string[];
  /** False: agents work as on a machine that forbids namespaces. */
  namespaces?: boolean;
  /**
   * Who answers where a request doesn't say. Default: the API where a key is set, else Claude Code where it is found: who has
   * set a key for scripts is not to be surprised by an agent.
   */
  defaultExecutor?: () => Promise<Executor>;
  /** How answers of earlier runs are used, asked at every dispatch. */
  cache?: () => CacheChoices;
  /** Asked at every dispatch: is the session kept that was forked or replayed? Default: no. */
  keepForkedSessions?: () => boolean;
  /** Where spans go; ended with the services. Default: nothing is traced. */
  tracing?: Tracing | null;
  /** Told of failures that stop nothing. */
  log?: (message: string, error: unknown) => void;
  temporal?: Partial<
    Pick<
      TemporalSettings,
      | 'address'
      | 'namespace'
      | 'profile'
      | 'taskQueue'
      | 'cliPath'
      | 'startWorkers'
      | 'workerScript'
      | 'concurrency'
      | 'metrics'
    >
  > &
    Pick<TemporalEngineDeps, 'continueAfterEvents' | 'heartbeatMs'> & {
      /** The shared store, a folder's path or `s3://bucket/prefix`. Default: `FORKPOINT_STORE`, else none. */
      store?: string | undefined;
    };
}

/** The settings of the result cache. */
export interface CacheChoices {
  /** Answers are taken from it without being asked for. */
  enabled: boolean;
  maxAgeDays: number;
  maxMegabytes: number;
}

const defaultCache: CacheChoices = { enabled: false, maxAgeDays: 30, maxMegabytes: 500 };

/** What set-up is looked at. */
export interface SetupOrder {
  /** Folder of the project that agents would work on. */
  folder?: string | undefined;
  /** Runs go to Temporal unless somebody says otherwise. Default: they don't. */
  temporalIsDefault?: boolean;
  /** Of the program that Forkpoint runs in. */
  versions?: Readonly<Record<string, string>>;
}

/** Everything the extension, the command line and the worker work with. */
export interface Services {
  readonly home: string;
  readonly sessions: SessionStore;
  readonly search: SessionSearch;
  readonly archive: SessionArchive;
  readonly forks: ForkService;
  readonly schedules: ScheduleService;
  readonly agents: AgentRuns;
  /** The work of agent branches, loaded when the first one runs. */
  readonly agentWork: () => Promise<AgentWork>;
  readonly runs: RunStore;
  readonly blobs: BlobStore;
  /** Null without a shared store. */
  readonly sharing: RunSharing | null;
  readonly models: ModelClients;
  readonly prices: PriceList;
  readonly temporal: TemporalControl;
  readonly clock: Clock;
  readonly cache: ResultCache;
  readonly gate: CallGate;
  readonly tracer: Tracer;
  /** Looks at everything that Forkpoint works with. Never throws. */
  readonly checkSetup: (order: SetupOrder) => Promise<SetupCheck[]>;
  /** Stops driving runs: those of this process are left interrupted. */
  dispose(): Promise<void>;
}

const apiAddress = 'https://api.anthropic.com';

interface Reading {
  sessions: SessionStore;
  search: SessionSearch;
  dispose(): void;
}

async function createReading(options: ServicesOptions, folders: ReadingFolders): Promise<Reading> {
  if (options.reader === 'thread') {
    const { createReader } = await import('./adapters/reader/createReader.ts');
    // The bundled thread lies beside the chunks.
    const script = new URL('./reader.js', import.meta.url);
    return createReader({ folders, script, ...(options.log !== undefined && { log: options.log }) });
  }
  const [{ createReadingStore }, { createReadingSearch }] = await Promise.all([
    import('./adapters/reader/createReadingStore.ts'),
    import('./adapters/reader/createReadingSearch.ts'),
  ]);
  const sessions = createReadingStore(folders);
  return { sessions, search: createReadingSearch(sessions, folders.home), dispose: () => {} };
}

/** Constructs the adapters and engines. Reads, starts and contacts nothing before it is used. */
export async function createServices(options: ServicesOptions = {}): Promise<Services> {
  const load = await loadParts();
  const tracer = options.tracing?.tracer ?? noTracer;
  const home = homeOf(options.home);
  const baseUrl = (options.baseUrl ?? process.env.ANTHROPIC_BASE_URL) || undefined;
  const secret = () => secretOf(options);
  const apiKey = () => valueOf(secret, 'key');
  const claudeDirs = claudeDirsOf(options.claudeDirs);
  const reading = await createReading(options, { claudeDirs, home });
  const { sessions, search } = reading;
  const archive = createSessionArchive({ folder: archiveIn(home), claudeDirs, clock: systemClock });
  const encryption = options.encryption ?? (async () => encryptionSettingsOf(process.env));
  const { store: givenStore = process.env.FORKPOINT_STORE, ...temporalOptions } = options.temporal ?? {};
  const stores = load.createStores({ home, location: givenStore, encryption, log: options.log });
  const { runs, blobs, sharing, location: store } = stores;
  const prices = await load.createPriceList(options.prices);
  // The editor's `fetch` knows the editor's proxies.
  const proxied = options.proxy === undefined ? fetchThroughProxies : async () => undefined;
  const models = modelClients(async () => {
    const { createAnthropicClient } = await import('./adapters/anthropic/createAnthropicClient.ts');
    return createAnthropicClient({
      apiKey,
      authToken: () => valueOf(secret, 'token'),
      baseUrl: baseUrl ?? apiAddress,
      fetch: tracer === noTracer ? proxied : () => tracedThrough(proxied, tracer),
    });
  });
  const clock = systemClock;
  const cache = load.createResultCache({
    folder: path.join(home, 'cache', 'results'),
    host: hostOf(baseUrl ?? apiAddress),
    clock,
  });
  const callsPerModel = options.callsPerModel ?? numberOf(process.env.FORKPOINT_CALLS_PER_MODEL);
  const gate = load.createCallGate({
    folder: path.join(home, 'limits'),
    host: hostOf(baseUrl ?? apiAddress),
    secrets: () => Promise.all([apiKey(), valueOf(secret, 'token')]),
    callsPerModel,
    clock,
    random: Math.random,
    log: options.log ?? (() => {}),
  });
  let ownQueue: string | undefined;
  const temporalSettings: TemporalSettings = {
    home,
    callsPerModel,
    withLock: load.withLock,
    fetch: proxied,
    env: options.env ?? process.env,
    apiKey,
    encryption,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(options.proxy !== undefined && { workerEnv: options.proxy.forWorkers }),
    ...temporalOptions,
    ...(tracer !== noTracer && { tracer }),
    store,
    sharedQueue: load.sharedQueueOf({ taskQueue: temporalOptions.taskQueue, store }),
    // Looked up in the data folder when the first run or worker needs it.
    get taskQueue() {
      ownQueue ??= load.ownQueueOf({ home, defaultHome, taskQueue: temporalOptions.taskQueue, store });
      return ownQueue;
    },
    // Chunks of the bundle lie beside the worker.
    workerScript: options.temporal?.workerScript ?? fileURLToPath(new URL('./worker.js', import.meta.url)),
  };
  const agentServices = new AgentServices(() =>
    import('./agentServices.ts').then(({ createAgentServices }) =>
      createAgentServices({
        home,
        claudeDirs,
        runs,
        blobs,
        clock,
        prices,
        sha256,
        sessions,
        env: options.env ?? process.env,
        claudePath: options.claudePath ?? (process.env.FORKPOINT_CLAUDE || undefined),
        extensionFolders: options.extensionFolders ?? [],
        namespaces: options.namespaces ?? true,
      }),
    ),
  );
  const agentWork = () => agentServices.work();
  const engines = new Engines({
    'in-process': async () => {
      const { createInProcessEngine } = await import('./orchestration/inProcess/createInProcessEngine.ts');
      const { concurrency } = options;
      return createInProcessEngine({
        runs,
        blobs,
        models,
        prices,
        clock,
        cache,
        gate,
        concurrency,
        agents: agentWork,
        tracer,
      });
    },
    temporal: async () => {
      const { createTemporalEngine } = await import('./orchestration/temporal/temporalEngine.ts');
      const { continueAfterEvents, heartbeatMs } = options.temporal ?? {};
      const durable = { continueAfterEvents, heartbeatMs };
      return createTemporalEngine({ settings: temporalSettings, runs, blobs, clock, sharing, ...durable });
    },
  });
  const forks = load.createForkService({
    sessions,
    runs,
    blobs,
    engine: (kind) => engines.get(kind),
    prices,
    provider: options.provider ?? 'anthropic',
    apiHost: hostOf(baseUrl ?? apiAddress),
    clock,
    sha256,
    textDiff: load.textDiff,
    random: Math.random,
    tracer,
    defaultExecutor: options.defaultExecutor ?? (() => defaultExecutor(options.provider, secret, agentServices)),
    agents: () => agentServices.planning(),
    changedFiles: (runId, a, b) => agentServices.runs.files(runId, a, b),
    beforeDelete: (runId) => agentServices.removePlaces(runId),
    cache: () => {
      const { enabled, maxAgeDays, maxMegabytes } = options.cache?.() ?? defaultCache;
      return { enabled, limits: { maxAgeMs: maxAgeDays * 86_400_000, maxBytes: maxMegabytes * 1_000_000 } };
    },
    onDispatched: ({ session }) => {
      if (options.keepForkedSessions?.() !== true) return;
      archive.keep(session.file).catch((error: unknown) => options.log?.('A forked session could not be kept.', error));
    },
  });
  const temporal = load.createTemporalControl(temporalSettings);
  const scheduling = load.createScheduling({
    settings: temporalSettings,
    forks,
    runs,
    blobs,
    clock,
    planning: {
      claudeDirs,
      claudePath: options.claudePath ?? (process.env.FORKPOINT_CLAUDE || null),
      extensionFolders: [...(options.extensionFolders ?? [])],
      provider: options.provider ?? 'anthropic',
    },
  });
  return {
    home,
    sessions,
    search,
    archive,
    forks,
    schedules: scheduling.schedules,
    agents: agentServices.runs,
    agentWork,
    runs,
    blobs,
    sharing,
    models,
    prices,
    temporal,
    clock,
    cache,
    gate,
    tracer,
    async checkSetup({ folder, temporalIsDefault = false, versions = {} }) {
      const { runSetupChecks } = await import('./setupServices.ts');
      const { runs: agents } = agentServices;
      const apiHost = hostOf(baseUrl ?? apiAddress);
      return runSetupChecks({
        folder,
        temporalIsDefault,
        versions,
        agents,
        temporal,
        schedules: scheduling.schedules,
        apiHost,
        sharing,
        settings: temporalSettings,
        secret,
      });
    },
    async dispose() {
      reading.dispose();
      await Promise.all([engines.dispose(), scheduling.dispose()]);
      await options.tracing?.dispose();
    },
  };
}

async function secretOf({ apiKey, authToken }: ServicesOptions): Promise<ApiSecret | null> {
  const { ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN } = process.env;
  return chosenSecret(await apiKey?.(), { ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN: authToken ?? ANTHROPIC_AUTH_TOKEN });
}

async function valueOf(secret: () => Promise<ApiSecret | null>, kind: ApiSecret['kind']): Promise<string | undefined> {
  const chosen = await secret();
  return chosen?.kind === kind ? chosen.value : undefined;
}

async function defaultExecutor(
  provider: Provider | undefined,
  secret: () => Promise<ApiSecret | null>,
  agents: AgentServices,
): Promise<Executor> {
  if (provider === 'demo') return 'api';
  if ((await secret()) !== null) return 'api';
  return (await agents.runs.find()) === null ? 'api' : 'claude-code';
}

// Loaded only now: who lists sessions must not wait for what runs forks.
async function loadParts() {
  const [
    { createStores },
    { withLock },
    { createResultCache },
    { createCallGate },
    { createPriceList },
    { textDiff },
    { createForkService },
    { createScheduling },
    { createTemporalControl },
    { ownQueueOf, sharedQueueOf },
  ] = await Promise.all([
    import('./storeServices.ts'),
    import('./adapters/fileLock.ts'),
    import('./adapters/cache/createResultCache.ts'),
    import('./adapters/limits/createCallGate.ts'),
    import('./adapters/prices/createPriceList.ts'),
    import('./adapters/textDiff.ts'),
    import('./core/useCases/createForkService.ts'),
    import('./scheduling.ts'),
    import('./orchestration/temporal/temporalControl.ts'),
    import('./orchestration/temporal/taskQueues.ts'),
  ]);
  return {
    createStores,
    withLock,
    createResultCache,
    createCallGate,
    createPriceList,
    textDiff,
    createForkService,
    createScheduling,
    createTemporalControl,
    ownQueueOf,
    sharedQueueOf,
  };
}

function modelClients(anthropic: () => Promise<ModelClient>): ModelClients {
  const make: Record<Provider, () => Promise<ModelClient>> = {
    anthropic,
    demo: async () => {
      const { createDemoModel } = await import('./adapters/demo/createDemoModel.ts');
      return createDemoModel({ clock: systemClock });
    },
  };
  const made = new Map<Provider, Promise<ModelClient>>();
  return (provider) => {
    const client = made.get(provider) ?? make[provider]();
    made.set(provider, client);
    return client;
  };
}

/** Each engine once, made when first needed. */
class Engines {
  readonly #make: Record<EngineKind, () => Promise<ForkEngine>>;
  readonly #made = new Map<EngineKind, Promise<ForkEngine>>();

  constructor(make: Record<EngineKind, () => Promise<ForkEngine>>) {
    this.#make = make;
  }

  get(kind: EngineKind): Promise<ForkEngine> {
    const engine = this.#made.get(kind) ?? this.#make[kind]();
    this.#made.set(kind, engine);
    return engine;
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#made.values()].map(async (engine) => (await engine).dispose()));
  }
}

function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    // Not an address: requests will fail and say so.
    return url;
  }
}

/** Null where it says no number of calls. */
function numberOf(text: string | undefined): number | null {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : null;
}

async function fetchThroughProxies(): Promise<typeof globalThis.fetch | undefined> {
  const { proxiedFetch } = await import('./adapters/proxiedFetch.ts');
  return proxiedFetch(process.env);
}

async function tracedThrough(proxied: typeof fetchThroughProxies, tracer: Tracer): Promise<typeof globalThis.fetch> {
  const { tracedFetch } = await import('./adapters/tracing/tracedFetch.ts');
  return tracedFetch((await proxied()) ?? fetch, tracer);
}
