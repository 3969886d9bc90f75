import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import {
  DefaultLogger,
  type InjectedSinks,
  type LogEntry,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import type { EncryptionSettings } from '../../core/encryptionSettings.ts';
import { BadInputError, EngineUnavailableError, ForkpointError } from '../../core/errors.ts';
import { timeouts } from '../../core/run/retryPolicies.ts';
import { noTracer, type Tracer } from '../../core/tracer.ts';
import { type Activities, type ActivityDeps, createActivities, heartbeatEveryMs } from './activities.ts';
import { activitySlots } from './activitySlots.ts';
import { activityTracing } from './activityTracing.ts';
import { agentQueueOf } from './agentQueueOf.ts';
import { dataConverterOf } from './codec/dataConverterOf.ts';
import { encodeFailures } from './codec/failureConverter.ts';
import { connectFailure, resolveTarget } from './connection.ts';
import { openRunsIn } from './openRunsIn.ts';
import { sandboxCode } from './sandboxCode.ts';
import { listedSchedules } from './schedules/listedSchedules.ts';
import {
  createScheduleActivities,
  type ScheduleActivities,
  type ScheduleActivityDeps,
} from './schedules/scheduleActivities.ts';
import type { WorkerConfig } from './workerConfig.ts';
import { becomeFirstVersion, versionOf } from './workerDeployment.ts';
import { workerMetrics } from './workerMetrics.ts';
import type { TraceSinks } from './workflowTracing.ts';

/** How many agents work at once is each run's own limit; those that wait for a person take a slot and hardly anything else. */
const agentSlots = 500;

export interface RunWorkerOptions {
  config: WorkerConfig;
  /** Keys of the payload codec; null: payloads are not encrypted. */
  encryption: EncryptionSettings | null;
  deps: ActivityDeps;
  /** What schedules ask for. */
  schedules: ScheduleActivityDeps;
  /** The built workflows, `dist/workflows.js`. */
  workflowBundle: string;
  env: NodeJS.ProcessEnv;
  /** Drains the worker: what it does is finished, nothing new is taken. */
  signal: AbortSignal;
  onState: (state: 'running' | 'draining') => Promise<void>;
  log: (line: string) => void;
}

/**
 * Serves the task queue until the signal aborts or, for a managed worker, nothing is left to do.
 * @throws EngineUnavailableError where the server does not answer
 */
export async function runWorker(options: RunWorkerOptions): Promise<void> {
  const { config, signal } = options;
  installRuntime(options);
  const { profile, ...named } = config;
  const target = await resolveTarget({ ...named, ...(profile !== null && { profile }), env: options.env });
  const connection = await NativeConnection.connect(target.options).catch((error: unknown) => {
    throw connectFailure(target, error);
  });
  try {
    const workers = await createWorkers(options, connection);
    let draining = false;
    const stop = (): void => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      if (draining) return;
      draining = true;
      void options.onState('draining');
    };
    const idle = config.managed ? watchIdle(connection, config, stop) : null;
    signal.addEventListener('abort', stop);
    try {
      // Where one can't go on, the other would serve half of a run.
      const running = Promise.all(workers.map((worker) => worker.run().finally(stop)));
      await options.onState('running');
      void becomeFirstVersion(connection, config, options.log);
      if (signal.aborted) stop();
      await running;
    } finally {
      idle?.dispose();
      signal.removeEventListener('abort', stop);
    }
  } finally {
    await connection.close();
  }
}

/** @throws BadInputError where the metrics can't be served */
function installRuntime({ config, env, log }: RunWorkerOptions): void {
  const install = (metrics: ReturnType<typeof workerMetrics>): void => {
    Runtime.install({
      // The process decides what a signal means; see worker.ts.
      shutdownSignals: [],
      logger: new DefaultLogger('WARN', (entry) => log(logLine(entry))),
      telemetryOptions: {
        logging: { filter: { core: 'ERROR', other: 'ERROR' } },
        ...(metrics !== null && { metrics }),
      },
    });
  };
  try {
    install(workerMetrics(config.metrics, env));
  } catch (error) {
    if (error instanceof ForkpointError && !config.managed) throw error;
    const message = `Metrics can't be served on ${config.metrics}.`;
    if (!config.managed)
      throw new BadInputError(message, 'Is the port taken? Name another one.', null, { cause: error });
    // A run goes on without them: the worker that this one replaces may still have the port.
    log(message);
    install(null);
  }
}

/** The message of our own errors only: what the SDK logs beside it may contain recorded texts. */
function logLine({ level, message, meta }: LogEntry): string {
  const error = meta?.['error'];
  return `${level} ${message}${error instanceof ForkpointError ? `: ${error.message} ${error.hint}` : ''}`;
}

/**
 * One worker for workflows and model calls, and, unless it is to take none, one for agents, whose slots nobody else waits for. With a
 * shared store another one for workflows and model calls of all machines.
 */
async function createWorkers(options: RunWorkerOptions, connection: NativeConnection): Promise<Worker[]> {
  const { config, deps, workflowBundle, encryption } = options;
  const activities = { ...createActivities(deps), ...createScheduleActivities(options.schedules) };
  const dataConverter = dataConverterOf({ encryption: async () => encryption });
  if (encryption !== null) encodeFailures();
  const shared = {
    ...sharedOptions(config, connection, activities),
    dataConverter,
    ...tracingOptions(deps.tracer ?? noTracer),
  };
  try {
    const ofRequests = {
      ...shared,
      workflowBundle: { code: sandboxCode(await readFile(workflowBundle, 'utf8'), encryption !== null) },
      ...activitySlots(config.concurrency),
      // A run of a worker that was killed is not to wait long for it to come back.
      stickyQueueScheduleToStartTimeout: 5_000,
    };
    const workers = [await Worker.create({ ...ofRequests, taskQueue: config.taskQueue })];
    if (config.agents) {
      const taskQueue = agentQueueOf(config.taskQueue);
      workers.push(await Worker.create({ ...shared, taskQueue, maxConcurrentActivityTaskExecutions: agentSlots }));
    }
    if (config.sharedQueue !== null) {
      workers.push(await Worker.create({ ...ofRequests, taskQueue: config.sharedQueue }));
    }
    return workers;
  } catch (error) {
    throw new EngineUnavailableError(
      `The worker can't serve namespace ${config.namespace} on ${config.address}.`,
      'Check the namespace (forkpoint.temporal.namespace) and the server.',
      undefined,
      { cause: error },
    );
  }
}

function tracingOptions(tracer: Tracer) {
  const sinks: InjectedSinks<TraceSinks> = {
    trace: { ended: { fn: (_info, span) => tracer.record(span), callDuringReplay: false } },
  };
  return { sinks, ...(tracer !== noTracer && { interceptors: { activity: [activityTracing(tracer)] } }) };
}

/** Runs that older workers began have activities of agents in the queue of the requests, so both know all of them. */
function sharedOptions(
  config: WorkerConfig,
  connection: NativeConnection,
  activities: Activities & ScheduleActivities,
) {
  return {
    connection,
    namespace: config.namespace,
    identity: `forkpoint-worker-${process.pid}@${hostname()}`,
    activities,
    // The SDK holds heartbeats back up to these; a cancellation comes with the answer to one.
    maxHeartbeatThrottleInterval: heartbeatEveryMs,
    defaultHeartbeatThrottleInterval: heartbeatEveryMs,
    shutdownGraceTime: timeouts.modelCall,
    ...versionOf(config),
  };
}

/**
 * Calls `stop` once no run of the task queues has been open and no schedule active for the idle time, or the server has been away for it, or the
 * data folder is gone: a worker that nobody can need any more must not stay behind.
 */
function watchIdle(connection: NativeConnection, config: WorkerConfig, stop: () => void): { dispose(): void } {
  const { home, namespace, taskQueue, sharedQueue, idleMs } = config;
  const queues = [taskQueue, ...(sharedQueue === null ? [] : [sharedQueue])];
  let lastBusy = performance.now();
  const check = async (): Promise<void> => {
    if (!existsSync(home)) return stop();
    const query = openRunsIn(queues);
    const open = await connection.workflowService.countWorkflowExecutions({ namespace, query }).catch(() => null);
    if (open !== null && Number(open.count) > 0) lastBusy = performance.now();
    else if (performance.now() - lastBusy >= idleMs) {
      const schedules = await listedSchedules(connection.workflowService, config).catch(() => []);
      if (schedules.every(({ paused }) => paused)) stop();
      else lastBusy = performance.now();
    }
  };
  const timer = setInterval(() => void check(), Math.max(1_000, idleMs / 10));
  return { dispose: () => clearInterval(timer) };
}
