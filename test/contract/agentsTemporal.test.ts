import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Services } from '../../src/services.ts';
import { ForkStage } from '../support/forkStage.ts';
import { KillMatrix } from '../support/killMatrix.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from '../support/temporal.ts';
import { describeAgentContract } from './agentContract.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

async function durable(stage: ForkStage): Promise<Services> {
  const workerScript = await builtWorker();
  const services = await stage.services({ temporal: { address: server.address, workerScript } });
  return {
    ...services,
    async dispose() {
      await services.dispose();
      await killWorkers(stage.home);
    },
  };
}

describeAgentContract('temporal', durable);

describe('a worker that is killed', () => {
  let stage: ForkStage;
  let services: Services;
  beforeAll(async () => {
    stage = await ForkStage.open();
    services = await durable(stage);
  });
  afterAll(async () => {
    await services?.dispose();
    await stage?.close();
  });

  it('is followed by another, which finishes branches that stood at any moment, in their places and sessions', async () => {
    const matrix = new KillMatrix(stage);
    const { runId } = await services.forks.dispatch(stage.fork({ engine: 'temporal', ...matrix.fork }));
    const there = await matrix.untilThere(services, runId);
    await killWorkers(stage.home);
    await matrix.expectNothingLeft(services, runId);
    await services.forks.resume(runId);
    await matrix.expectFinished(await services.forks.whenEnded(runId), there);
    // Half a minute of it is Temporal's, until it takes the worker for lost.
  }, 120_000);
});
