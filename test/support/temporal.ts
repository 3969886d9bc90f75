import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type BundleOptions, bundleWorkflowCode, type InjectedSinks } from '@temporalio/worker';
import { build } from 'esbuild';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import type { ForkEngine } from '../../src/core/run/ports.ts';
import type { TemporalControl } from '../../src/core/run/temporalControl.ts';
import { isAlive, waitForEnd } from '../../src/orchestration/temporal/processes.ts';
import { ownQueueOf } from '../../src/orchestration/temporal/taskQueues.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import { createTemporalEngine, type TemporalEngineDeps } from '../../src/orchestration/temporal/temporalEngine.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import type { TraceSinks } from '../../src/orchestration/temporal/workflowTracing.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The workflows, bundled for the sandbox as the build does it. */
export async function workflowBundle(): Promise<string> {
  const options = path.join(root, 'scripts/bundleOptions.mjs');
  const { workflows } = (await import(options)) as { workflows: BundleOptions };
  const { code } = await bundleWorkflowCode(workflows);
  return code;
}

/** For workers of tests that trace nothing. */
export const noTraceSinks: InjectedSinks<TraceSinks> = { trace: { ended: { fn: () => {} } } };

let built: Promise<string> | undefined;

/** The worker, and the program that replays runs beside it: as `npm test` has built it, else built from the sources, so that no test runs a stale one. @returns path of the script */
export async function builtWorker(): Promise<string> {
  return process.env['FORKPOINT_BUILT'] ? path.join(root, 'dist/worker.js') : workerOfSources();
}

/** The worker in two files, which can be copied. @returns path of the script; `workflows.js` lies beside it */
export function workerOfSources(): Promise<string> {
  built ??= (async () => {
    // Inside node_modules, so that the script finds the packages.
    const folder = path.join(root, `node_modules/.cache/forkpoint-test-${process.pid}`);
    await mkdir(folder, { recursive: true });
    const script = path.join(folder, 'worker.js');
    await Promise.all([
      build({
        entryPoints: ['worker.ts', 'replay/replay.ts'].map((name) =>
          path.join(root, 'src/orchestration/temporal', name),
        ),
        entryNames: '[name]',
        outdir: folder,
        bundle: true,
        packages: 'external',
        platform: 'node',
        format: 'esm',
        keepNames: true,
        sourcemap: 'inline',
        logLevel: 'error',
      }),
      workflowBundle().then((code) => writeFile(path.join(folder, 'workflows.js'), code)),
    ]);
    return script;
  })();
  return built;
}

/** Removes what `builtWorker` has built. What `npm test` has built stays. */
export async function removeBuiltWorker(): Promise<void> {
  if (built === undefined) return;
  await rm(path.dirname(await built), { recursive: true, force: true });
  built = undefined;
}

/** A real Temporal dev server of its own for a test file. */
export interface TestServer {
  address: string;
  home: string;
  control: TemporalControl;
  settings: (overrides: Partial<TemporalSettings> & { home: string }) => TemporalSettings;
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port, with its data in a temporary folder, by the very code that users start it with.
 * @param inFolder default: where the system keeps temporary files
 */
export async function startTestServer(inFolder = tmpdir()): Promise<TestServer> {
  const home = await mkdtemp(path.join(inFolder, 'forkpoint-temporal-'));
  const address = `127.0.0.1:${await freePort()}`;
  const workerScript = await builtWorker();
  const settings: TestServer['settings'] = (overrides) => ({
    address,
    namespace: 'default',
    taskQueue: ownQueueOf({ home: overrides.home, taskQueue: undefined, store: null }),
    withLock,
    env: process.env,
    workerScript,
    apiKey: async () => 'sk-ant-test-contract',
    workerIdleMs: 60_000,
    ...overrides,
  });
  const control = createTemporalControl(settings({ home }));
  await control.startServer();
  return {
    address,
    home,
    control,
    settings,
    async stop() {
      await control.stopServer();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
      await removeBuiltWorker();
    },
  };
}

/** Ends the workers of a data folder at once, as a crash would. */
export async function killWorkers(home: string): Promise<number[]> {
  const pids = (await readWorkerRecords({ home })).map(({ pid }) => pid);
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  for (const pid of pids) await waitForEnd(pid, 5_000);
  return pids;
}

type EngineDeps = Omit<TemporalEngineDeps, 'clock' | 'blobs'>;

/** The engine as users have it, on the real clock and the blobs of its data folder. */
export function plainEngine(deps: EngineDeps): ForkEngine {
  const blobs = createBlobStore(path.join(deps.settings.home, 'blobs'));
  return createTemporalEngine({ clock: systemClock, blobs, ...deps });
}

/** An engine whose workers are gone once it is disposed. */
export function testEngine(deps: EngineDeps): ForkEngine {
  const engine = plainEngine(deps);
  const dispose = engine.dispose.bind(engine);
  engine.dispose = async () => {
    await dispose();
    await killWorkers(deps.settings.home);
  };
  return engine;
}
