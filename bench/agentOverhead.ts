// What an agent branch costs beside `claude -p` alone, on both engines, and what the host holds for each that works.
// Prints one line of JSON. Run by `npm run bench -- agents`.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Services } from '../src/services.ts';
import { ForkStage, recorded, untilView } from '../test/support/forkStage.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from '../test/support/temporal.ts';
import { eventsOf } from './temporalSide.ts';

const rounds = Number(process.argv[2] ?? 5);
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/**
 * The baseline: what a person would type in the project to ask a fork of the same session the same. The same program, settings and
 * stand-in for the API, and a history that is one turn longer than ours, which begins before the last one.
 */
async function bare(stage: ForkStage): Promise<number> {
  const started = performance.now();
  const args = ['-p', 'Now handle emoji.', '--resume', recorded.sessionId, '--fork-session', '--output-format', 'json'];
  const running = promisify(execFile)(stage.program, args, { cwd: stage.project, env: stage.env, timeout: 60_000 });
  running.child.stdin?.end();
  await running;
  return performance.now() - started;
}

/** From the dispatch to the moment at which a reader of the log knows of the end. */
async function ours(stage: ForkStage, services: Services, engine: 'in-process' | 'temporal'): Promise<number> {
  const started = performance.now();
  const { runId } = await services.forks.dispatch(stage.fork({ engine }));
  const view = await services.forks.whenEnded(runId);
  if (view.state !== 'completed') throw new Error(JSON.stringify(view.branches));
  return performance.now() - started;
}

/** What a branch adds to the history of its run. */
async function eventsPerBranch(stage: ForkStage, services: Services, server: TestServer): Promise<number> {
  const lengths = [];
  for (const count of [1, 2]) {
    const branches = Array.from({ length: count }, (_, at) => ({ name: `b${at}` }));
    const { runId } = await services.forks.dispatch(stage.fork({ engine: 'temporal', concurrency: count, branches }));
    await services.forks.whenEnded(runId);
    lengths.push(await eventsOf(server, runId));
  }
  const [one = Number.NaN, two = Number.NaN] = lengths;
  return two - one;
}

async function hostMemory(stage: ForkStage, services: Services): Promise<number> {
  const branches = 4;
  stage.answer(() => ({ content: 'Hm', ending: 'hang', endAfter: 1 }));
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const fork = stage.fork({
    concurrency: branches,
    branches: Array.from({ length: branches }, (_, at) => ({ name: `b${at}` })),
  });
  const { runId } = await services.forks.dispatch(fork);
  await untilView(services, runId, (view) => view.branches.every(({ text }) => text !== ''));
  globalThis.gc?.();
  const grown = process.memoryUsage().rss - before;
  await services.forks.cancel(runId);
  await services.forks.whenEnded(runId);
  return grown / branches;
}

const stage = await ForkStage.open();
const server = await startTestServer();
try {
  const plain = await stage.services();
  const temporal = { address: server.address, workerScript: await builtWorker() };
  const durable = await stage.services({ temporal });
  stage.answer(() => 'Done.');
  const times = { bare: [] as number[], inProcess: [] as number[], temporal: [] as number[] };
  // The first of each finds programs, tries places and starts the worker.
  await ours(stage, plain, 'in-process');
  await ours(stage, durable, 'temporal');
  for (let round = 0; round < rounds; round += 1) {
    times.bare.push(await bare(stage));
    times.inProcess.push(await ours(stage, plain, 'in-process'));
    times.temporal.push(await ours(stage, durable, 'temporal'));
  }
  const events = await eventsPerBranch(stage, durable, server);
  const bytesPerBranch = await hostMemory(stage, plain);
  await plain.dispose();
  await durable.dispose();
  await killWorkers(stage.home);
  const result = {
    bareMs: median(times.bare),
    inProcessMs: median(times.inProcess),
    temporalMs: median(times.temporal),
  };
  console.log(JSON.stringify({ ...result, events, bytesPerBranch }));
} finally {
  await stage.close();
  await server.stop();
}
process.exit(0);
