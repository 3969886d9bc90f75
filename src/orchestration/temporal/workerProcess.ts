import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { type EncryptionSettings, isEncryptionVariable } from '../../core/encryptionSettings.ts';
import { EngineUnavailableError } from '../../core/errors.ts';
import type { ForegroundWorker, TemporalVersions, TemporalWorkerStatus } from '../../core/run/temporalControl.ts';
import { agentQueueOf } from './agentQueueOf.ts';
import { encryptionKeysOf } from './codec/encryptionKeys.ts';
import type { TemporalTarget } from './connection.ts';
import { checkedLocalAddress } from './localAddress.ts';
import { isAlive } from './processes.ts';
import { programEnv } from './programEnv.ts';
import { type TemporalSettings, temporalFolder } from './temporalSettings.ts';
import { fingerprintOf, type WorkerConfig, type WorkerHandover } from './workerConfig.ts';
import { buildIdOf } from './workerDeployment.ts';
import { readWorkerRecords, type WorkerRecord } from './workerRecords.ts';

/** A worker that Forkpoint started ends by itself after so long without an open run. */
const defaultIdleMs = 10 * 60_000;
/** Model calls that one worker makes at once. */
const defaultConcurrency = 20;
/** A poller not seen for this long is gone: a living one polls every minute. */
const pollerTtlMs = 70_000;

/** Numbers of the server's API (`TaskQueueType`). */
const taskQueueTypes = { workflows: 1, activities: 2 } as const;

/** What the worker process tells its parent once. */
export type WorkerMessage = { type: 'ready' } | { type: 'failed'; message: string; hint: string };

/** What a worker is given that stands in no configuration. */
interface Secrets {
  apiKey: string | undefined;
  encryption: EncryptionSettings | null;
}

/** The worker processes of this data folder: which there are, and starting and ending our own. */
export class WorkerProcesses {
  readonly #settings: TemporalSettings;

  constructor(settings: TemporalSettings) {
    this.#settings = settings;
  }

  /** Our workers of this machine, and the foreign pollers that the server has seen lately. */
  async status(target: TemporalTarget, client: Client | null): Promise<TemporalWorkerStatus[]> {
    const ours = (await readWorkerRecords(this.#settings)).filter((record) => serves(record, target));
    const foreign =
      client === null ? [] : await Promise.all(this.#queues().map((queue) => this.#foreign(queue, client, target)));
    return [...ours.map(({ pid, taskQueue, state }) => ({ pid, taskQueue, state })), ...foreign.flat()];
  }

  async #foreign(taskQueue: string, client: Client, target: TemporalTarget): Promise<TemporalWorkerStatus[]> {
    const length = await this.#foreignPollers(client, target, taskQueue);
    return Array.from({ length }, () => ({ pid: null, taskQueue, state: 'running' }));
  }

  #queues(): string[] {
    const { taskQueue, sharedQueue = null } = this.#settings;
    return sharedQueue === null ? [taskQueue] : [taskQueue, sharedQueue];
  }

  /** Versions of a deployment that new runs go to, null where none serves the task queue, or the server knows no versions. */
  async versions({ namespace }: TemporalTarget, client: Client): Promise<TemporalVersions | null> {
    const name = this.#settings.taskQueue;
    const { versioningInfo } = await client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType: taskQueueTypes.workflows,
    });
    const { currentDeploymentVersion, rampingDeploymentVersion, rampingVersionPercentage } = versioningInfo ?? {};
    const nameOf = (version: typeof currentDeploymentVersion): string | null =>
      version?.buildId ? `${version.deploymentName}:${version.buildId}` : null;
    const [current, ramping] = [nameOf(currentDeploymentVersion), nameOf(rampingDeploymentVersion)];
    return current === null && ramping === null
      ? null
      : { current, ramping, rampingPercent: rampingVersionPercentage ?? 0 };
  }

  /**
   * Starts a worker unless one serves the task queue. A worker of ours with another key or base URL is replaced: it
   * finishes what it does and takes nothing new.
   * @param needs.queue default: that of this data folder, which workers of other machines don't serve
   * @param needs.agents one that serves agent branches is needed. Default: true
   * @throws EngineUnavailableError
   */
  async ensure(
    target: TemporalTarget,
    client: Client,
    needs: { queue?: string; agents?: boolean } = {},
  ): Promise<void> {
    const { queue = this.#settings.taskQueue, agents = true } = needs;
    this.#checkShipped();
    const secrets = await this.#secrets();
    const fingerprint = this.#fingerprint(secrets);
    const isServed = () => this.isServed(target, client, { queue, fingerprint, agents });
    if (await isServed()) return;
    await this.#settings.withLock(path.join(temporalFolder(this.#settings), 'worker.lock'), async () => {
      if (await isServed()) return;
      await this.stop();
      await this.#startDetached(this.#config(target, fingerprint, { managed: true, agents: true }), secrets);
    });
  }

  /** Asks the workers that Forkpoint started to end. Resolves once they are asked. */
  async stop(): Promise<void> {
    for (const record of await readWorkerRecords(this.#settings)) {
      if (record.managed && record.taskQueue === this.#settings.taskQueue) process.kill(record.pid, 'SIGTERM');
    }
  }

  /**
   * A worker in the foreground with its log on our stderr; the signal drains it. Resolves with its exit code.
   * @throws BadInputError for addresses that are not on this machine
   */
  async runInForeground(
    target: TemporalTarget,
    signal: AbortSignal,
    { agents = true, concurrency = defaultConcurrency, metrics, health, ...version }: ForegroundWorker = {},
  ): Promise<number> {
    if (metrics !== undefined) checkedLocalAddress(metrics, 'Metrics');
    if (health !== undefined) checkedLocalAddress(health, 'Health');
    this.#checkShipped();
    const secrets = await this.#secrets();
    const config = this.#config(target, this.#fingerprint(secrets), {
      managed: false,
      agents,
      concurrency,
      metrics: metrics ?? null,
      health: health ?? null,
      deployment: await this.#deploymentOf(version),
    });
    const child = this.#spawn(config, secrets, ['pipe', 2, 'inherit']);
    const drain = (): void => void child.kill('SIGTERM');
    signal.addEventListener('abort', drain);
    if (signal.aborted) drain();
    try {
      return await new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code) => resolve(code ?? 1));
      });
    } finally {
      signal.removeEventListener('abort', drain);
    }
  }

  async #deploymentOf({ deployment, buildId }: ForegroundWorker): Promise<WorkerConfig['deployment']> {
    if (deployment === undefined) return null;
    const workflows = path.join(path.dirname(this.#settings.workerScript), 'workflows.js');
    return { name: deployment, buildId: buildId ?? (await buildIdOf(workflows)) };
  }

  /** Whether a worker serves the task queue. @param needs.fingerprint of one of ours; default: any */
  async isServed(
    target: TemporalTarget,
    client: Client,
    { queue, fingerprint, agents }: { queue: string; fingerprint?: string; agents: boolean },
  ): Promise<boolean> {
    const ours = (await readWorkerRecords(this.#settings)).filter(
      (record) =>
        serves(record, target) &&
        [record.taskQueue, record.sharedQueue].includes(queue) &&
        record.state !== 'draining' &&
        (record.agents || !agents),
    );
    const fits = (record: WorkerRecord): boolean =>
      fingerprint === undefined || !record.managed || record.fingerprint === fingerprint;
    if (ours.some(fits)) return true;
    return (await this.#foreignPollers(client, target, queue, agents)) > 0;
  }

  /** Pollers that are none of this machine's Forkpoint workers. A killed worker stays in the server's list for minutes. */
  async #foreignPollers(client: Client, target: TemporalTarget, queue: string, agents = false): Promise<number> {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: target.namespace,
      taskQueue: { name: agents ? agentQueueOf(queue) : queue },
      taskQueueType: agents ? taskQueueTypes.activities : taskQueueTypes.workflows,
    });
    return (pollers ?? []).filter(({ identity, lastAccessTime }) => {
      const local = /^forkpoint-worker-(\d+)@(.*)$/.exec(identity ?? '');
      // Our records know better than the server which of our workers live; a worker without a record is dead or another folder's.
      if (local !== null && local[2] === hostname()) return false;
      return Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < pollerTtlMs;
    }).length;
  }

  #checkShipped(): void {
    if (existsSync(this.#settings.workerScript)) return;
    throw new EngineUnavailableError(
      'This build of Forkpoint brings no Temporal worker for this machine.',
      'Install the build for your platform, start a worker elsewhere with `forkpoint worker`, or run in-process.',
    );
  }

  async #secrets(): Promise<Secrets> {
    const encryption = (await this.#settings.encryption?.()) ?? null;
    // A key that can't be used is refused here, where somebody reads it.
    if (encryption !== null) encryptionKeysOf(encryption);
    return { apiKey: await this.#settings.apiKey(), encryption };
  }

  #fingerprint(secrets: Secrets): string {
    const { home, baseUrl = null, store = null, metrics = null, env, workerEnv: network = {} } = this.#settings;
    return fingerprintOf({ home, baseUrl, store, metrics, ...secrets, env: { ...env, ...network } });
  }

  #config(
    { address, namespace }: TemporalTarget,
    fingerprint: string,
    own: Pick<WorkerConfig, 'managed' | 'agents'> & Partial<WorkerConfig>,
  ): WorkerConfig {
    const { home, taskQueue, profile = null, baseUrl = null, workerIdleMs: idleMs = defaultIdleMs } = this.#settings;
    const { concurrency = defaultConcurrency, callsPerModel = null, metrics = null } = this.#settings;
    const { store = null, sharedQueue = null } = this.#settings;
    const calls = { concurrency, callsPerModel };
    const place = { home, address, namespace, taskQueue, sharedQueue, store, profile };
    return { ...place, baseUrl, idleMs, ...calls, metrics, health: null, deployment: null, fingerprint, ...own };
  }

  async #startDetached(config: WorkerConfig, secrets: Secrets): Promise<void> {
    const folder = temporalFolder(this.#settings);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const logFile = path.join(folder, 'worker.log');
    const log = await open(logFile, 'w', 0o600);
    const child = this.#spawn(config, secrets, ['pipe', log.fd, log.fd, 'ipc'], true);
    const message = await firstMessage(child);
    await log.close();
    // From here on the worker outlives us.
    if (child.connected) child.disconnect();
    child.unref();
    if (message.type === 'ready') return;
    throw new EngineUnavailableError(message.message, `${message.hint} The worker’s log is ${logFile}.`);
  }

  #spawn(
    config: WorkerConfig,
    { apiKey, encryption }: Secrets,
    stdio: ('pipe' | 'inherit' | 'ipc' | number)[],
    detached = false,
  ): ChildProcess {
    const child = spawn(process.execPath, [this.#settings.workerScript], {
      detached,
      stdio,
      env: {
        ...programEnv(this.#settings.env),
        ...this.#settings.workerEnv,
      },
    });
    // One that ends before it has read everything says why by itself.
    child.stdin?.on('error', () => {});
    // Agents work in the person's own environment: our keys stay out of it.
    const agentEnv = withoutEncryptionKeys(this.#settings.env);
    const handover: WorkerHandover = { config, apiKey: apiKey ?? null, encryption, agentEnv };
    child.stdin?.end(JSON.stringify(handover));
    return child;
  }
}

function serves(record: WorkerRecord, target: TemporalTarget): boolean {
  return record.address === target.address && record.namespace === target.namespace && isAlive(record.pid);
}

function firstMessage(child: ChildProcess): Promise<WorkerMessage> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(message as WorkerMessage));
    child.once('error', (error) =>
      resolve({
        type: 'failed',
        message: `The worker can't be started: ${error.message}`,
        hint: 'Reinstall Forkpoint.',
      }),
    );
    child.once('exit', (code, signal) =>
      resolve({
        type: 'failed',
        message: `The worker ended at its start (${signal ?? `exit code ${code}`}).`,
        hint: 'This machine may lack what Temporal’s core needs; the in-process engine works everywhere.',
      }),
    );
  });
}

function withoutEncryptionKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isEncryptionVariable(name)));
}
