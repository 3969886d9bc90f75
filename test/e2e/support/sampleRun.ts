import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { forkRequestSchema } from '../../../src/core/fork/forkRequest.ts';
import { createServices } from '../../../src/services.ts';
import { untilView } from '../../support/forkStage.ts';
import { builtWorker, killWorkers, startTestServer } from '../../support/temporal.ts';
import { openBrowser, startEditor } from './editor.ts';
import { Workbench } from './workbench.ts';

const demo = path.resolve(import.meta.dirname, '../../../demo');

/** The editor with a Temporal server and a run of the sample session, of one branch that the demo model answered. */
export class SampleRun {
  readonly workbench: Workbench;
  readonly #ends: (() => Promise<unknown>)[];

  private constructor(workbench: Workbench, ends: (() => Promise<unknown>)[]) {
    this.workbench = workbench;
    this.#ends = ends;
  }

  /** @param engine that the run was carried out by */
  static async open(engine: 'in-process' | 'temporal'): Promise<SampleRun> {
    const ends: (() => Promise<unknown>)[] = [];
    try {
      return new SampleRun(await SampleRun.#open(engine, ends), ends);
    } catch (error) {
      await endAll(ends);
      throw error;
    }
  }

  close(): Promise<void> {
    return endAll(this.#ends);
  }

  static async #open(engine: 'in-process' | 'temporal', ends: (() => Promise<unknown>)[]): Promise<Workbench> {
    const scratch = await mkdtemp(path.join(tmpdir(), 'forkpoint-sample-run-'));
    ends.push(() => rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
    const temporal = await startTestServer();
    ends.push(() => temporal.stop());
    const home = path.join(scratch, 'forkpoint');
    ends.push(() => killWorkers(home));
    await dispatch(home, engine, temporal.address);
    const browser = await openBrowser();
    ends.push(() => browser.close());
    const server = await startEditor({
      workspace: scratch,
      settings: { 'forkpoint.temporal.address': temporal.address },
      env: { CLAUDE_CONFIG_DIR: path.join(demo, 'claude'), FORKPOINT_HOME: home, FORKPOINT_DEMO: '1', TZ: 'UTC' },
    });
    ends.push(() => server.stop());
    const workbench = await Workbench.open(browser, server.url);
    ends.push(() => workbench.close());
    return workbench;
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
