import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { ForkEngine, RunStore } from '../../src/core/run/ports.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';
import { buildPlan, storePlan } from '../support/storedPlan.ts';
import { plainEngine } from '../support/temporal.ts';

describe('without a Temporal server', () => {
  let home: string;
  let runs: RunStore;
  let settings: TemporalSettings;
  const engines: ForkEngine[] = [];

  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'forkpoint-absent-'));
    runs = createRunStore(path.join(home, 'runs'));
    settings = {
      home,
      address: `127.0.0.1:${await freePort()}`,
      taskQueue: 'absent',
      withLock,
      env: { PATH: '', FORKPOINT_TOOLS: path.join(home, 'no-tools') },
      workerScript: path.join(home, 'worker.js'),
      apiKey: async () => undefined,
    };
  });
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.dispose();
    await rm(home, { recursive: true });
  });

  function engine(overrides: Partial<TemporalSettings> = {}): ForkEngine {
    const made = plainEngine({ runs, settings: { ...settings, ...overrides } });
    engines.push(made);
    return made;
  }
  const stored = () =>
    storePlan({ runs, blobs: createBlobStore(home) }, { engine: 'temporal', branches: [{ name: 'one' }] });

  it('says so, and how to get one where there is no CLI', async () => {
    expect(await engine().availability()).toEqual({
      ready: false,
      reason: `Temporal is not running on ${settings.address}.`,
      hint: expect.stringContaining('No Temporal CLI was found'),
      canStart: false,
    });
  });

  it('offers to start one where there is a CLI', async () => {
    expect(await engine({ cliPath: process.execPath }).availability()).toMatchObject({ ready: false, canStart: true });
  });

  it('starts nothing, and nothing is run in-process instead', async () => {
    const plan = await stored();
    await expect(engine().start(plan)).rejects.toMatchObject({ code: 'engine_unavailable', exitCode: 4 });
    expect(await runs.events(plan.runId)).toEqual([]);
  });

  it('leaves a run as it is: nobody knows how it stands', async () => {
    const plan = await stored();
    await runs.append({ type: 'run-started', runId: plan.runId, at: new Date().toISOString(), attempt: 1 });
    await engine().reconcile(plan);
    expect(await runs.events(plan.runId)).toHaveLength(1);
  });

  it('shows the server as stopped, and can not start one without a CLI', async () => {
    const control = createTemporalControl(settings);
    expect(await control.status()).toEqual({
      server: { state: 'stopped', address: settings.address, ui: null, pid: null, managed: false },
      workers: [],
    });
    await expect(control.startServer()).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('starts none on another machine', async () => {
    const control = createTemporalControl({ ...settings, address: 'temporal.invalid:7233' });
    await expect(control.startServer()).rejects.toMatchObject({ code: 'bad_input' });
  });

  it('takes what merely listens on the port for no server', async () => {
    const listener: Server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) =>
      listener.listen(Number(settings.address?.split(':')[1]), '127.0.0.1', resolve),
    );
    try {
      expect(await engine().availability()).toMatchObject({ ready: false });
      const plan = await buildPlan(createBlobStore(home), { engine: 'temporal', branches: [{ name: 'one' }] });
      await runs.create(plan);
      await expect(engine().start(plan)).rejects.toMatchObject({ code: 'engine_unavailable' });
    } finally {
      await new Promise((resolve) => listener.close(resolve));
    }
  }, 30_000);
});
