import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { forkRequestSchema } from '../../../src/core/fork/forkRequest.ts';
import { createServices } from '../../../src/services.ts';
import { untilView } from '../../support/forkStage.ts';
import { builtWorker, killWorkers, type TestServer } from '../../support/temporal.ts';
import type { SharedWindow } from './sharedWindow.ts';
import type { Workbench } from './workbench.ts';

const demo = path.resolve(import.meta.dirname, '../../../demo');

/** The shared window with a run of the sample session, of one branch that the demo model answered, and a Temporal server. */
export class SampleRun {
  readonly workbench: Workbench;
  readonly #ends: (() => Promise<unknown>)[];

  private constructor(workbench: Workbench, ends: (() => Promise<unknown>)[]) {
    this.workbench = workbench;
    this.#ends = ends;
  }

  /** @param engine that the run was carried out by */
  static async open(
    engine: 'in-process' | 'temporal',
    { shared, temporal }: { shared: SharedWindow; temporal: TestServer },
  ): Promise<SampleRun> {
    const ends: (() => Promise<unknown>)[] = [];
    try {
      const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-sample-run-'));
      ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
      const home = path.join(scratch, 'forkpoint');
      ends.push(() => killWorkers(home));
      await dispatch(home, engine, temporal.address);
      const settings = { 'forkpoint.temporal.address': temporal.address };
      return new SampleRun(await shared.show({ claudeDir: path.join(demo, 'claude'), home, settings }), ends);
    } catch (error) {
      await endAll(ends);
      throw error;
    }
  }

  close(): Promise<void> {
    return endAll(this.#ends);
  }
}

async function endAll(ends: (() => Promise<unknown>)[]): Promise<void> {
  for (const end of ends.toReversed()) await end();
}

async function dispatch(home: string, engine: 'in-process' | 'temporal', address: string): Promise<void> {
  const temporal = { address, workerScript: await builtWorker() };
  const services = await createServices({ home, provider: 'demo', claudeDirs: [path.join(demo, 'claude')], temporal });
  const session = '7d3c1f52-9a64-4c0e-8b1d-5e2f60a4c913';
  const fork = { session, at: { turn: 4 }, engine, executor: 'api', branches: [{ name: 'as recorded' }] };
  const { runId } = await services.forks.dispatch(forkRequestSchema.parse(fork));
  await untilView(services, runId, ({ state }) => state === 'completed');
  await services.dispose();
}
