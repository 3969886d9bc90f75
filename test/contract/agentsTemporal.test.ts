import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Services } from '../../src/services.ts';
import { branchOf, ForkStage, untilView } from '../support/forkStage.ts';
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

describe('a worker that is killed while an agent is in the middle of a tool', () => {
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

  it('is followed by another, which goes on in the same place and session and says what is in doubt', async () => {
    const said: string[] = [];
    stage.answer(({ body }) => {
      const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
      said.push(last);
      if (last.includes('You were interrupted')) return 'I looked: it was done.';
      return { content: [{ type: 'tool_use', name: 'Bash', input: { command: 'echo once >> done.txt; sleep 600' } }] };
    });
    const { runId } = await services.forks.dispatch(stage.fork({ engine: 'temporal', permissions: 'bypass' }));
    const running = await untilView(services, runId, ({ branches }) => branches[0]?.toolCalls.length === 1);
    // The command is under way as soon as what it wrote is there.
    await untilView(services, runId, () => existsInPlace(branchOf(running, 'one').place?.root));
    await killWorkers(stage.home);
    await services.forks.resume(runId);
    const view = await services.forks.whenEnded(runId);
    const branch = branchOf(view, 'one');
    expect(branch, JSON.stringify(branch.error)).toMatchObject({
      state: 'completed',
      text: expect.stringContaining('it was done'),
    });
    expect(branch.inDoubt).toEqual([
      { tool: 'Bash', input: expect.objectContaining({ command: expect.stringContaining('sleep 600') }) },
    ]);
    expect(branch.sessionId).toBe(branchOf(running, 'one').sessionId);
    expect(branch.files).toMatchObject([{ path: 'done.txt', added: 1 }]);
    expect(said.filter((text) => text.includes('Now handle emoji.') && !text.includes('tool_result'))).toHaveLength(1);
  });
});

function existsInPlace(root: string | undefined): boolean {
  return root !== undefined && existsSync(path.join(root, 'done.txt'));
}
