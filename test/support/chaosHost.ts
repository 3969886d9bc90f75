// `node chaosHost.ts JSON`: starts the run of a stored plan, or sees to it that it goes on, and waits for its end. To be killed.
import path from 'node:path';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { withLock } from '../../src/adapters/fileLock.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import { systemClock } from '../../src/adapters/systemClock.ts';
import { runIdSchema } from '../../src/core/ids.ts';
import { createTemporalEngine } from '../../src/orchestration/temporal/temporalEngine.ts';
import type { TemporalSettings } from '../../src/orchestration/temporal/temporalSettings.ts';

interface HostOrder {
  runId: string;
  settings: Pick<TemporalSettings, 'home' | 'address' | 'namespace' | 'taskQueue' | 'workerScript' | 'baseUrl'>;
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
await engine.start(await runs.plan(runId));
for await (const { type } of runs.follow(runId, new AbortController().signal)) if (type === 'run-ended') break;
process.exit(0);
