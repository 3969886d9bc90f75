// `node chaosHost.ts JSON`: starts the run of a stored plan, or sees to it that it goes on, as a click on Resume or Retry does, and
// waits for its end. To be killed.
import path from 'node:path';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import { runIdSchema } from '../../src/core/ids.ts';
import { branchesToRun, foldRun } from '../../src/core/run/foldRun.ts';
import { createTemporalEngine } from '../../src/orchestration/temporal/temporalEngine.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';

interface HostOrder {
  runId: string;
  settings: Pick<
    TemporalSettings,
    'home' | 'address' | 'namespace' | 'taskQueue' | 'workerScript' | 'baseUrl' | 'workerEnv'
  >;
}

const { runId: id, settings } = JSON.parse(process.argv[2] ?? '') as HostOrder;
const runId = runIdSchema.parse(id);
const runs = createRunStore(path.join(settings.home, 'runs'));
const engine = createTemporalEngine({
  runs,
  blobs: createBlobStore(path.join(settings.home, 'blobs')),
  clock: systemClock,
  heartbeatMs: 3_000,
  settings: { ...settings, withLock, env: process.env, apiKey: async () => 'sk-ant-test', workerIdleMs: 60_000 },
});
const plan = await runs.plan(runId);
const view = async () => foldRun(plan, await runs.events(runId));
await engine.reconcile(plan);
const { state, interrupted, branches } = await view();
if (state === 'running' || branches.every((branch) => branch.startedAt === null)) await engine.start(plan);
else if (state !== 'completed') {
  const reason = interrupted ? 'resume' : 'retry';
  await engine.start(plan, { again: { branches: branchesToRun(await view(), reason), reason } });
}
const over = new AbortController();
for await (const { type } of runs.follow(runId, over.signal)) {
  if (type === 'run-ended' && (await view()).state !== 'running') over.abort();
}
process.exit(0);
