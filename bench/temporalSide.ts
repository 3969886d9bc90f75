import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { systemClock } from '../src/adapters/systemClock.ts';
import type { EncryptionSettings } from '../src/core/encryptionSettings.ts';
import type { ForkPlan } from '../src/core/fork/forkPlan.ts';
import type { RunId } from '../src/core/ids.ts';
import type { ForkEngine } from '../src/core/run/ports.ts';
import { sharedQueueOf } from '../src/orchestration/temporal/taskQueues.ts';
import { createTemporalEngine } from '../src/orchestration/temporal/temporalEngine.ts';
import type { TemporalSettings } from '../src/orchestration/temporal/temporalSettings.ts';
import { readWorkerRecords } from '../src/orchestration/temporal/workerRecords.ts';
import { workflowIdOf } from '../src/orchestration/temporal/workflowIdOf.ts';
import { createStores, type Stores } from '../src/storeServices.ts';
import { type PlanOptions, storePlan } from '../test/support/storedPlan.ts';
import { killWorkers, type TestServer } from '../test/support/temporal.ts';
import type { Side } from './pairs.ts';

/** Process id of a test's server. @throws Error where none runs */
export async function serverPidOf(server: TestServer): Promise<number> {
  const { pid } = (await server.control.status()).server;
  if (pid === null) throw new Error('No server runs.');
  return pid;
}

/** Length of the history of a run that needed one execution. */
export async function eventsOf({ address }: TestServer, runId: RunId): Promise<number> {
  const connection = await Connection.connect({ address });
  try {
    const handle = new Client({ connection }).workflow.getHandle(workflowIdOf(runId));
    return (await handle.describe()).historyLength;
  } finally {
    await connection.close();
  }
}

export interface SideOptions extends Partial<Pick<TemporalSettings, 'concurrency' | 'workerEnv'>> {
  baseUrl: string;
  /** The shared store: a folder's path. Default: none. */
  store?: string;
  encryption?: EncryptionSettings;
}

/** A person's Forkpoint as it is measured: a data folder, the engine in this process, a worker in one of its own. */
export class TemporalSide {
  readonly home: string;
  readonly stores: Stores;
  readonly engine: ForkEngine;

  private constructor(home: string, stores: Stores, engine: ForkEngine) {
    this.home = home;
    this.stores = stores;
    this.engine = engine;
  }

  static async make(server: TestServer, { store, encryption, ...own }: SideOptions): Promise<TemporalSide> {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-bench-'));
    const keys = async () => encryption ?? null;
    const stores = createStores({ home, location: store, encryption: keys });
    const shared = store === undefined ? {} : { store, sharedQueue: sharedQueueOf({ taskQueue: undefined, store }) };
    const settings = server.settings({ home, encryption: keys, ...shared, ...own });
    return new TemporalSide(home, stores, createTemporalEngine({ ...stores, clock: systemClock, settings }));
  }

  /** Stores a plan of so many branches. */
  plan(branches: number, options: Partial<PlanOptions> = {}): Promise<ForkPlan> {
    const named = Array.from({ length: branches }, (_, index) => ({ name: `branch ${index}` }));
    return storePlan(this.stores, { engine: 'temporal', branches: named, ...options });
  }

  /** Starts a run and waits until its end stands in the log. @returns milliseconds */
  async run(plan: ForkPlan): Promise<number> {
    const started = performance.now();
    await this.engine.start(plan);
    for await (const { type } of this.stores.runs.follow(plan.runId, new AbortController().signal)) {
      if (type === 'run-ended') break;
    }
    return performance.now() - started;
  }

  /** Length of the history of the run that was the last one. */
  async eventsOfLast(server: TestServer): Promise<number> {
    const [runId] = await this.stores.runs.list(1);
    if (runId === undefined) throw new Error('Nothing ran.');
    return eventsOf(server, runId);
  }

  /** Process id of the worker. @throws Error where none runs */
  async workerPid(): Promise<number> {
    const [record] = await readWorkerRecords({ home: this.home });
    if (record === undefined) throw new Error('No worker runs.');
    return record.pid;
  }

  /** This side as it is measured; its first run starts the worker. */
  async measured(server: TestServer): Promise<Side<ForkPlan>> {
    await this.run(await this.plan(1));
    return {
      pids: [process.pid, await this.workerPid(), await serverPidOf(server)],
      prepare: (count) => this.plan(count),
      run: (plan) => this.run(plan),
    };
  }

  async remove(): Promise<void> {
    await this.engine.dispose();
    await killWorkers(this.home);
    await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
