import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../adapters/sha256.ts';
import { tracingOf } from '../../adapters/tracing/tracingOf.ts';
import { ForkpointError, messageOf } from '../../core/errors.ts';
import type { ForkPlan } from '../../core/fork/forkPlan.ts';
import type { Asked } from '../../core/fork/forkRequest.ts';
import type { RunId } from '../../core/ids.ts';
import type { ScheduleOrder } from '../../core/useCases/schedules.ts';
import { createServices, type ServicesOptions } from '../../services.ts';
import { runWorker } from './runWorker.ts';
import { serveHealth, type WorkerState } from './serveHealth.ts';
import { type WorkerHandover, workerHandoverFrom } from './workerConfig.ts';
import type { WorkerMessage } from './workerProcess.ts';
import { removeWorkerRecord, writeWorkerRecord } from './workerRecords.ts';

// The worker's own process: construct, serve, release. Started by `WorkerProcesses`, never imported.

function log(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line.trimEnd()}\n`);
}

/** Tells the parent, where there is one that listens. Resolves when it is sure to hear it. */
function tell(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, () => resolve());
  });
}

function optionsOf({ config, apiKey, encryption, agentEnv }: WorkerHandover): ServicesOptions {
  return {
    home: config.home,
    ...(config.baseUrl !== null && { baseUrl: config.baseUrl }),
    apiKey: () => Promise.resolve(apiKey ?? undefined),
    callsPerModel: config.callsPerModel,
    log: (message, error) => log(`${message} ${messageOf(error)}`),
    authToken: agentEnv.ANTHROPIC_AUTH_TOKEN,
    env: agentEnv,
    encryption: () => Promise.resolve(encryption),
    temporal: { ...(config.store !== null && { store: config.store }) },
  };
}

/** Whoever started it went away before it could serve, and has told nobody of it: the next one starts another. */
function giveUp(): void {
  log('The process that started this worker is gone.');
  process.exit(1);
}

async function serve(handover: WorkerHandover): Promise<void> {
  const { config, encryption, agentEnv } = handover;
  if (process.send !== undefined) {
    process.once('disconnect', giveUp);
    if (!process.connected) giveUp();
  }
  // OpenTelemetry's SDK and the store's client look their variables up here; they came as the agents' environment did.
  Object.assign(process.env, variablesOf(agentEnv));
  const tracing = await tracingOf(process.env, log);
  const options = optionsOf(handover);
  const services = await createServices({ ...options, tracing });
  const draining = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // Asked twice: what is under way is given up.
      if (draining.signal.aborted) process.exit(130);
      log(`${signal}: draining`);
      draining.abort();
    });
  }
  let current: WorkerState = 'starting';
  const record = (state: WorkerState): Promise<void> => {
    current = state;
    return writeWorkerRecord(config, { ...config, pid: process.pid, state });
  };
  const health = config.health === null ? null : await serveHealth(config.health, () => current);
  await record('starting');
  try {
    await runWorker({
      config,
      encryption,
      deps: { ...services, blobs: services.sharing?.blobs ?? services.blobs, agents: services.agentWork },
      schedules: { ...services, sha256, plan: (order, asked, runId) => planAs(options, order, asked, runId) },
      workflowBundle: fileURLToPath(new URL('./workflows.js', import.meta.url)),
      env: agentEnv,
      signal: draining.signal,
      log,
      onState: async (state) => {
        log(`${state} on task queue ${config.taskQueue} of ${config.address}`);
        // A data folder that is gone can't be written to, and that worker is ending anyway.
        await record(state).catch((error: unknown) => log(messageOf(error)));
        if (state !== 'running') return;
        process.off('disconnect', giveUp);
        await tell({ type: 'ready' });
      },
    });
  } finally {
    health?.close();
    await removeWorkerRecord(config, process.pid);
    await services.dispose();
  }
}

/** Plans what a schedule runs with the sessions and the Claude Code of whoever made it. */
async function planAs(options: ServicesOptions, order: ScheduleOrder, asked: Asked, runId: RunId): Promise<ForkPlan> {
  const { claudeDirs, claudePath, extensionFolders, provider } = order;
  const as = { claudeDirs, claudePath: claudePath ?? undefined, extensionFolders, provider };
  const services = await createServices({ ...options, ...as });
  try {
    return await services.forks.plan(asked, runId);
  } finally {
    await services.dispose();
  }
}

function variablesOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => /^(?:AWS|OTEL)_/i.test(name)));
}

try {
  // Nobody at a terminal types this in.
  await serve(workerHandoverFrom(process.stdin.isTTY ? '' : await text(process.stdin)));
  process.exit(0);
} catch (error) {
  const known = error instanceof ForkpointError ? error : null;
  log(known === null && error instanceof Error ? (error.stack ?? error.message) : messageOf(error));
  if (known !== null) log(known.hint);
  await tell({ type: 'failed', message: messageOf(error), hint: known?.hint ?? 'Please report this.' });
  process.exit(known?.exitCode ?? 1);
}
