import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { replayRequestSchema } from '../../src/core/fork/forkRequest.ts';
import type { RunId } from '../../src/core/ids.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import type { Services, ServicesOptions } from '../../src/services.ts';
import { branchOf, ForkStage, recorded, untilView } from '../support/forkStage.ts';
import { historyText } from '../support/historyText.ts';
import { asksAgain, holdLeaving, KillMatrix, runMoments, timesLogged, untilThen } from '../support/killMatrix.ts';
import { builtWorker, killWorkers, startTestServer, type TestServer } from '../support/temporal.ts';
import { describeAgentContract } from './agentContract.ts';

/** All prompts of the recording, by an agent that may do everything. */
const replay = {
  session: recorded.sessionId,
  from: 1,
  engine: 'temporal',
  executor: 'claude-code',
  place: 'overlay',
  permissions: 'bypass',
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

async function servicesOn(stage: ForkStage, over: ServicesOptions['temporal'] = {}, home = stage.home) {
  const workerScript = await builtWorker();
  // A lost worker is missed sooner than users need it.
  const temporal = { address: server.address, workerScript, heartbeatMs: 10_000, ...over };
  return stage.services({ home, temporal });
}

/** The services, whose workers end with them. */
async function durable(...args: Parameters<typeof servicesOn>): Promise<Services> {
  const services = await servicesOn(...args);
  const [{ home: own }, , home = own] = args;
  return {
    ...services,
    async dispose() {
      await services.dispose();
      await killWorkers(home);
    },
  };
}

describeAgentContract('temporal', (stage) => durable(stage));

describe('agents on Temporal', () => {
  let stage: ForkStage;
  let services: Services;
  beforeAll(async () => {
    stage = await ForkStage.open();
    // One place for a request: what waits for a person must not sit in it.
    services = await durable(stage, { concurrency: 1 });
  });
  afterAll(async () => {
    await services?.dispose();
    await stage?.close();
  });

  it('go on with another worker where theirs was killed, which finishes branches that stood at any moment, in their places and sessions', async () => {
    const matrix = new KillMatrix(stage);
    const { runId } = await services.forks.dispatch(stage.fork({ engine: 'temporal', ...matrix.fork }));
    const there = await matrix.untilThere(services, runId);
    await killWorkers(stage.home);
    expect(await matrix.left(services, runId)).toEqual(matrix.nothingLeft);
    // Beside it, for ten seconds of each are Temporal's, until it takes the worker for lost.
    const others = await Promise.all(runMoments.map((moment) => killedWhen(matrix, moment)));
    await services.forks.resume(runId);
    expect(matrix.finished(await services.forks.whenEnded(runId), there)).toEqual(matrix.allDone);
    for (const other of others) await other.finish();
  }, 180_000);

  /** A run of one branch whose worker is killed at a moment, in a data folder of its own. */
  async function killedWhen(matrix: KillMatrix, moment: (typeof runMoments)[number]) {
    const { name, branch, place, isThen, next } = moment;
    const home = path.join(stage.folder, next);
    const own = await durable(stage, {}, home);
    holdLeaving(stage);
    onTestFinished(() => own.dispose());
    const { runId } = await own.forks.dispatch(
      stage.fork({ engine: 'temporal', place, branches: [{ name: branch, prompt: name }] }),
    );
    let workers: Awaited<ReturnType<typeof readWorkerRecords>> = [];
    await untilThen(async () => {
      workers = await readWorkerRecords({ home });
      return isThen(home, runId, stage.folder);
    });
    for (const { pid } of workers) process.kill(pid, 'SIGSTOP');
    // Else it was not the moment that it was to be.
    expect(timesLogged(home, runId, next), name).toBe(0);
    await killWorkers(home);
    return {
      async finish() {
        await own.forks.resume(runId);
        const view = await own.forks.whenEnded(runId);
        expect(branchOf(view, branch), name).toMatchObject({ state: 'completed', text: 'Done.', error: null });
        expect(readdirSync(path.join(home, 'places', runId)).filter((made) => made.startsWith('.'))).toEqual([]);
        expect(matrix.sent(name)).toEqual(['prompt']);
      },
    };
  }

  it('pass an answer that comes when their worker is lost on to the agent that repeats its call', async () => {
    new KillMatrix(stage);
    const home = path.join(stage.folder, 'lost-answer');
    const own = await durable(stage, {}, home);
    onTestFinished(() => own.dispose());
    const branches = [{ name: 'one', prompt: asksAgain }];
    const { runId } = await own.forks.dispatch(stage.fork({ engine: 'temporal', branches }));
    const asked = await untilView(own, runId, (view) => branchOf(view, 'one').questions.length === 1);
    await killWorkers(home);
    const { callId } = branchOf(asked, 'one').questions[0]!;
    // No worker is there to hear of it.
    const answering = own.forks.answer(runId, 'one', callId, { behavior: 'allow', scope: 'call' });
    await own.forks.resume(runId);
    await answering;
    const branch = branchOf(await own.forks.whenEnded(runId), 'one');
    expect(branch).toMatchObject({ state: 'completed', error: null, questions: [], inDoubt: [] });
    expect(branch.files).toMatchObject([{ path: 'asked.txt', status: 'added' }]);
    const answers = (await own.runs.events(runId)).filter(({ type }) => type === 'question-answered');
    expect(answers).toMatchObject([{ givenTo: callId, answer: { behavior: 'allow' } }]);
  }, 180_000);

  it('leave requests their places while they wait for a person', async () => {
    stage.answer(({ body }) => {
      const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
      if (last.includes('tool_result') || last.includes('a request')) return 'Done.';
      return { content: [{ type: 'tool_use', name: 'Bash', input: { command: 'node -e 1' } }] };
    });
    const agents = await services.forks.dispatch(stage.fork({ engine: 'temporal' }));
    const asked = await untilView(services, agents.runId, (view) => branchOf(view, 'one').questions.length === 1);
    const branches = [{ name: 'one', prompt: 'This is a request.' }];
    const requests = await services.forks.dispatch(stage.fork({ engine: 'temporal', executor: 'api', branches }));
    const ended = await services.forks.whenEnded(requests.runId, AbortSignal.timeout(15_000));
    expect(ended.state).toBe('completed');
    const { callId } = branchOf(asked, 'one').questions[0]!;
    await services.forks.answer(agents.runId, 'one', callId, { behavior: 'allow', scope: 'call' });
    expect((await services.forks.whenEnded(agents.runId)).state).toBe('completed');
  });

  it('go on in new executions between their prompts, each sent once, in one place and session', async () => {
    const short = await servicesOn(stage, { continueAfterEvents: 12 });
    onTestFinished(() => short.dispose());
    const heard: string[] = [];
    stage.answer(({ body }) => {
      const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
      const prompt = [...recorded.prompts, 'You were interrupted'].find((each) => last.includes(each));
      if (last.includes('tool_result')) return 'Done.';
      if (prompt !== undefined) heard.push(prompt);
      return {
        content: [{ type: 'tool_use', name: 'Bash', input: { command: 'echo "$FORKPOINT_PORT" >>ports.txt' } }],
      };
    });
    const request = { ...replay, checks: [{ name: 'ports', run: 'test $(uniq ports.txt | wc -l) = 1' }] };
    const { runId } = await short.forks.dispatchReplay(replayRequestSchema.parse(request));
    const view = await short.forks.whenEnded(runId);
    expect(view.branches[0]).toMatchObject({
      state: 'completed',
      error: null,
      checks: [{ passed: true }],
      files: [{ path: 'ports.txt', added: 3 }],
      inDoubt: [],
    });
    expect(heard).toEqual(recorded.prompts);
    expect(timesLogged(stage.home, runId, 'place-ready')).toBe(1);
    expect(await executionsOf(runId)).toBeGreaterThanOrEqual(3);
  });

  /** How many executions of its workflow a run went through. */
  async function executionsOf(runId: RunId): Promise<number> {
    const connection = await Connection.connect({ address: server.address });
    try {
      const { workflow } = new Client({ connection });
      let count = 0;
      for (let execution: string | undefined = ''; execution !== undefined; count += 1) {
        const { events } = await workflow.getHandle(workflowIdOf(runId), execution || undefined).fetchHistory();
        execution = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
      }
      return count;
    } finally {
      await connection.close();
    }
  }

  it('are fired by a schedule, each beside those of the time before', async () => {
    let text = 'good';
    stage.answer(({ body }) => {
      const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
      if (last.includes('tool_result')) return 'Done.';
      return { content: [{ type: 'tool_use', name: 'Bash', input: { command: `echo ${text} > word.txt` } }] };
    });
    const checks = [{ name: 'tests', run: 'grep -q good word.txt' }];
    const request = stage.fork({ engine: 'temporal', permissions: 'bypass', checks });
    await services.schedules.create({ name: 'agents', cron: '@yearly', items: [{ kind: 'fork', request }] });
    const fired = async () => {
      const { last } = await services.schedules.trigger('agents', { waitMs: 30_000 });
      const over = async () => (await services.schedules.list())[0]?.isUnderWay;
      await expect.poll(over, { timeout: 30_000 }).toBe(false);
      return services.forks.run(last!.runId!);
    };
    expect(branchOf(await fired(), 'one').checks).toMatchObject([{ name: 'tests', passed: true }]);
    text = 'bad';
    const { schedule } = await fired();
    expect(schedule?.changes?.branches).toMatchObject([
      {
        checks: [{ name: 'tests', before: true, after: false }],
        files: [{ path: 'word.txt', status: 'modified' }],
      },
    ]);
    await services.schedules.delete('agents');
  });

  /** Everything that the server knows of a run. */
  async function serverText(runId: RunId): Promise<string> {
    const connection = await Connection.connect({ address: server.address });
    try {
      const handle = new Client({ connection }).workflow.getHandle(workflowIdOf(runId));
      await handle.result();
      const { raw } = await handle.describe();
      return historyText([await handle.fetchHistory(), raw]);
    } finally {
      await connection.close();
    }
  }

  it('tell the server no word of prompts, answers, commands, output, paths and keys; the run’s log has them', async () => {
    const word = 'marked-word';
    stage.answer(({ body }) => {
      const last = JSON.stringify(body.messages.findLast(({ role }: { role: string }) => role === 'user'));
      if (last.includes('fails')) return { status: 400, message: `Refused: ${word}.` };
      if (last.includes('tool_result')) return `I heard ${word}.`;
      const command = `node -e "require('fs').writeFileSync('${word}', '')"`;
      return { content: [{ type: 'tool_use', name: 'Bash', input: { command } }] };
    });
    const check = { name: word, run: `echo ${word}` };
    const branches = [
      { name: 'asks', prompt: `Please ${word}.` },
      { name: 'fails', prompt: `This fails: ${word}.` },
    ];
    const asking = await services.forks.dispatch(stage.fork({ engine: 'temporal', branches, checks: [check] }));
    const asked = await untilView(services, asking.runId, (view) => branchOf(view, 'asks').questions.length === 1);
    await services.forks.answer(asking.runId, 'asks', branchOf(asked, 'asks').questions[0]!.callId, {
      behavior: 'deny',
      scope: 'call',
      message: `Not ${word}.`,
      answers: { [`Which ${word}?`]: word },
    });
    const unprepared = await services.forks.dispatch(
      stage.fork({ engine: 'temporal', setup: [`echo ${word} >&2; ls /${word}`], allowProjectRules: true }),
    );
    const [said, failed] = [
      await services.forks.whenEnded(asking.runId),
      await services.forks.whenEnded(unprepared.runId),
    ];
    expect(branchOf(said, 'asks')).toMatchObject({ state: 'completed', text: expect.stringContaining(word) });
    expect(branchOf(said, 'fails')).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining(word), hint: expect.stringMatching(/\w/) },
    });
    expect(branchOf(failed, 'one').error).toMatchObject({
      code: 'setup_failed',
      message: expect.stringContaining(word),
      hint: expect.stringContaining('Retry Failed'),
      details: { command: expect.stringContaining(word) },
    });
    for (const { runId } of [asking, unprepared]) {
      const text = await serverText(runId);
      expect(text).toContain(runId);
      const words = [word, path.basename(stage.folder), 'slugify', ...recorded.prompts, 'sk-ant-', 'src/', 'worker.js'];
      for (const each of words) expect(text).not.toContain(each);
    }
  });
});
