import type { Client } from '@temporalio/client';
import { BadInputError } from '../../core/errors.ts';
import { type RunId, runIdSchema } from '../../core/ids.ts';
import type { TemporalControl, TemporalServerStatus, TemporalStatus } from '../../core/run/temporalControl.ts';
import { cliOffer } from './cliDownload/cliOffer.ts';
import { cliReleaseFor } from './cliDownload/cliRelease.ts';
import { dataConverterOf } from './codec/dataConverterOf.ts';
import { connectClient, resolveTarget } from './connection.ts';
import { DevServer } from './devServer.ts';
import { openRunsIn } from './openRunsIn.ts';
import type { ExecutionHistory } from './replay/executionHistory.ts';
import { temporalProfiles } from './temporalProfiles.ts';
import type { TemporalSettings } from './temporalSettings.ts';
import { WorkerProcesses } from './workerProcess.ts';
import { workflowIdOf, workflowIdPrefix } from './workflowIdOf.ts';

type WithClient = <T>(action: (client: Client) => Promise<T>) => Promise<T>;

/** The dev server and the workers of a data folder. Nothing is loaded or contacted before a method is called. */
export function createTemporalControl(settings: TemporalSettings): TemporalControl {
  const server = new DevServer(settings);
  const workers = new WorkerProcesses(settings);

  const withClient: WithClient = async (action) => {
    const client = await connectClient(await resolveTarget(settings), { dataConverter: dataConverterOf(settings) });
    try {
      return await action(client);
    } finally {
      await client.connection.close();
    }
  };

  const status = async (): Promise<TemporalStatus> => {
    const [serverStatus, target] = await Promise.all([server.status(), resolveTarget(settings)]);
    if (serverStatus.state !== 'running') return { server: serverStatus, workers: await workers.status(target, null) };
    return withClient(async (client) => {
      const [found, versions] = await Promise.all([workers.status(target, client), workers.versions(target, client)]);
      return { server: serverStatus, workers: found, ...(versions !== null && { versions }) };
    });
  };

  return {
    get taskQueue() {
      return settings.taskQueue;
    },
    status,
    async startServer() {
      await server.start();
      return status();
    },
    async cliOffer() {
      return (await server.status()).state === 'stopped' ? cliOffer(settings) : null;
    },
    async installCli(options) {
      const release = cliReleaseFor(settings);
      const { installCli } = await import('./cliDownload/installCli.ts');
      if (release === null) return;
      const fetch = (await settings.fetch?.()) ?? globalThis.fetch;
      await installCli(release, { fetch, withLock: settings.withLock, ...options });
    },
    async openRuns() {
      if ((await server.status()).state !== 'running') return [];
      return withClient((client) => openRunsOf(client, settings));
    },
    async stopServer() {
      refuseForeign(await server.status());
      await workers.stop();
      await server.stop();
      return status();
    },
    async ensureWorker() {
      const target = await resolveTarget(settings);
      await withClient((client) => workers.ensure(target, client));
    },
    stopWorkers: () => workers.stop(),
    async runWorker(signal, options) {
      return workers.runInForeground(await resolveTarget(settings), signal, options);
    },
    async startCodecServer({ origin, port }) {
      const { serveCodec } = await import('./codec/serveCodec.ts');
      return serveCodec(settings, { ui: origin ?? (await server.status()).ui, port });
    },
    profiles: () => temporalProfiles(settings),
    ...createReplays(settings, withClient),
    async runUrl(runId) {
      const [{ ui }, { namespace }] = await Promise.all([server.status(), resolveTarget(settings)]);
      return ui === null ? null : `${ui}/namespaces/${encodeURIComponent(namespace)}/workflows/${workflowIdOf(runId)}`;
    },
  };
}

function createReplays(
  settings: TemporalSettings,
  withClient: WithClient,
): Pick<TemporalControl, 'replayRun' | 'replayProgram'> {
  const historiesOf = async (runId: RunId): Promise<ExecutionHistory[]> => {
    const { fetchHistories } = await import('./replay/fetchHistories.ts');
    return withClient((client) => fetchHistories(client, runId));
  };
  return {
    async replayRun(runId, signal) {
      const { runReplay } = await import('./replay/runReplay.ts');
      return runReplay(settings, runId, await historiesOf(runId), signal);
    },
    async replayProgram(runId) {
      const { replayProgramOf } = await import('./replay/runReplay.ts');
      return replayProgramOf(settings, runId, await historiesOf(runId));
    },
  };
}

async function openRunsOf(client: Client, { taskQueue, sharedQueue = null }: TemporalSettings): Promise<RunId[]> {
  const query = openRunsIn(sharedQueue === null ? [taskQueue] : [taskQueue, sharedQueue]);
  const runs: RunId[] = [];
  for await (const { workflowId } of client.workflow.list({ query })) {
    const runId = runIdSchema.safeParse(workflowId.slice(workflowIdPrefix.length));
    if (workflowId.startsWith(workflowIdPrefix) && runId.success) runs.push(runId.data);
  }
  return runs;
}

/** @throws BadInputError for a server that somebody else started */
function refuseForeign({ state, managed, address }: TemporalServerStatus): void {
  if (state === 'stopped' || managed) return;
  const hint = 'Stop it where it was started.';
  throw new BadInputError(`The Temporal server on ${address} was not started by Forkpoint.`, hint);
}
