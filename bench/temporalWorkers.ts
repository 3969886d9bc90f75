import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../src/adapters/systemClock.ts';
import { ownQueueOf, sharedQueueOf } from '../src/orchestration/temporal/taskQueues.ts';
import { createTemporalEngine } from '../src/orchestration/temporal/temporalEngine.ts';
import { createStores } from '../src/storeServices.ts';
import { startMessagesApi } from '../test/support/messagesApi.ts';
import { installProgram, makeShare, OtherMachine } from '../test/support/otherMachine.ts';
import { storePlan } from '../test/support/storedPlan.ts';
import { startTestServer } from '../test/support/temporal.ts';

// How a run with many branches is spread over workers of other machines, which share nothing with this one but the server and a
// folder. All of them really are on this machine: beyond its processors more workers gain only what calls spend waiting.

const count = 100;
/** As long as a short reply of a model takes. Of shorter calls a dev server's own work is most: it writes each change of a run by itself. */
const callMs = 4_000;
const rounds = Number(process.env.ROUNDS ?? 1);

const api = await startMessagesApi(() => ({ content: 'Done.', before: callMs, deltas: 1 }));
const [server, store, program, home] = await Promise.all([
  startTestServer(),
  makeShare(),
  installProgram(),
  mkdtemp(path.join(tmpdir(), 'forkpoint-bench-')),
]);
const stores = createStores({ home, location: store, encryption: async () => null });
const queues = { taskQueue: undefined, store };
const engine = createTemporalEngine({
  ...stores,
  clock: systemClock,
  settings: {
    ...server.settings({ home, startWorkers: false }),
    taskQueue: ownQueueOf({ home, ...queues }),
    sharedQueue: sharedQueueOf(queues),
  },
});

/** Runs the branches and waits until the run's end stands in the log of this machine. @returns milliseconds */
async function runOnce(wanted: number): Promise<number> {
  const branches = Array.from({ length: wanted }, (_, index) => ({ name: `branch ${index}` }));
  const plan = await storePlan(stores, { engine: 'temporal', branches });
  const asked = api.requests.length;
  const started = performance.now();
  await engine.start(plan);
  for await (const { type } of stores.runs.follow(plan.runId, new AbortController().signal)) {
    if (type === 'run-ended') break;
  }
  const took = performance.now() - started;
  if (api.requests.length - asked !== wanted) throw new Error(`${api.requests.length - asked} requests were sent.`);
  return took;
}

const machines: OtherMachine[] = [];
try {
  const rows = [];
  for (const workers of [1, 2, 4]) {
    while (machines.length < workers) {
      const machine = await OtherMachine.make(program, {
        TEMPORAL_ADDRESS: server.address,
        FORKPOINT_STORE: store,
        ANTHROPIC_API_KEY: 'sk-ant-test',
        ANTHROPIC_BASE_URL: api.baseUrl,
      });
      machines.push(machine);
      await machine.work();
    }
    const took: number[] = [];
    // The newest worker's first call loads what calls need.
    await runOnce(workers * 20);
    for (let round = 0; round < rounds; round += 1) took.push(await runOnce(count));
    rows.push({ workers, count, callMs, ms: Math.min(...took) });
  }
  // One line of JSON: the best of the rounds, in milliseconds.
  console.log(JSON.stringify(rows));
} finally {
  await engine.dispose();
  for (const machine of machines) await machine.remove();
  await server.stop();
  await api.close();
  await program.remove();
  await Promise.all([
    rm(home, { recursive: true, force: true }),
    rm(path.dirname(store), { recursive: true, force: true }),
  ]);
}
