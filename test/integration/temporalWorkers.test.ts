import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/systemClock.ts';
import type { EncryptionSettings } from '../../src/core/encryptionSettings.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { foldRun } from '../../src/core/run/foldRun.ts';
import type { ForkEngine } from '../../src/core/run/ports.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import { dataConverterOf } from '../../src/orchestration/temporal/codec/dataConverterOf.ts';
import { ownQueueOf, sharedQueueOf } from '../../src/orchestration/temporal/taskQueues.ts';
import { createTemporalEngine } from '../../src/orchestration/temporal/temporalEngine.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { createStores, type Stores } from '../../src/storeServices.ts';
import { CliBench } from '../support/cli.ts';
import { type MessagesApi, type ReceivedRequest, type ReplyScript, startMessagesApi } from '../support/messagesApi.ts';
import { installProgram, makeShare, OtherMachine, type Program } from '../support/otherMachine.ts';
import { type S3Server, startS3Server } from '../support/s3Server.ts';
import { storePlan } from '../support/storedPlan.ts';
import { startTestServer, type TestServer } from '../support/temporal.ts';

let server: TestServer;
let s3: S3Server;
let share: string;
let program: Program;
const before = { ...process.env };
beforeAll(async () => {
  [server, s3, share, program] = await Promise.all([startTestServer(), startS3Server(), makeShare(), installProgram()]);
  Object.assign(process.env, s3.env);
});
afterAll(async () => {
  for (const name of Object.keys(s3?.env ?? {})) delete process.env[name];
  Object.assign(process.env, before);
  await Promise.all([server?.stop(), s3?.stop(), program?.remove()]);
  if (share !== undefined) await rm(path.dirname(share), { recursive: true });
});

const promptOf = (request: ReceivedRequest): string => request.body.messages[0].content[0].text;
const turns = [
  {
    turn: 1,
    prompt: null,
    calls: [{ name: 'Read', input: { file_path: '/a' }, result: { content: 'words', isError: false } }],
  },
];

describe.each(['a shared folder', 'S3'] as const)('with %s as the store', (kind) => {
  let home: string;
  let stores: Stores;
  let engine: ForkEngine;
  let api: MessagesApi;
  let machines: OtherMachine[];
  // Once with the payload codec's key and once without.
  const encryption: EncryptionSettings | null = kind === 'S3' ? { key: Buffer.alloc(32, 7).toString('base64') } : null;
  const location = (): string => (kind === 'S3' ? s3.location : share);

  beforeEach(async () => {
    machines = [];
    home = await mkdtemp(path.join(tmpdir(), 'forkpoint-here-'));
  });
  afterEach(async () => {
    await engine.dispose();
    for (const machine of machines) await machine.remove();
    await api.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });

  /** This machine, which has no worker. */
  async function begin(script: ReplyScript, heartbeatMs?: number): Promise<void> {
    api = await startMessagesApi(script);
    stores = createStores({ home, location: location(), encryption: async () => encryption });
    const queues = { taskQueue: undefined, store: location() };
    const settings = server.settings({
      home,
      baseUrl: api.baseUrl,
      startWorkers: false,
      encryption: async () => encryption,
    });
    engine = createTemporalEngine({
      ...stores,
      clock: systemClock,
      ...(heartbeatMs !== undefined && { heartbeatMs }),
      settings: { ...settings, taskQueue: ownQueueOf({ home, ...queues }), sharedQueue: sharedQueueOf(queues) },
    });
  }

  async function otherMachine(): Promise<OtherMachine> {
    const machine = await OtherMachine.make(program, {
      ...environment(),
      ANTHROPIC_API_KEY: 'sk-ant-of-the-worker',
      ANTHROPIC_BASE_URL: api.baseUrl,
    });
    machines.push(machine);
    await machine.work();
    return machine;
  }

  const environment = () => ({
    ...s3.env,
    TEMPORAL_ADDRESS: server.address,
    FORKPOINT_STORE: location(),
    ...(encryption !== null && { FORKPOINT_ENCRYPTION_KEY: encryption.key }),
  });

  const ended = ({ type }: BranchEvent): boolean => type === 'run-ended';
  async function until(of: ForkPlan, fits: (event: BranchEvent) => boolean): Promise<BranchEvent[]> {
    const stop = new AbortController();
    const seen: BranchEvent[] = [];
    for await (const event of stores.runs.follow(of.runId, stop.signal)) {
      seen.push(event);
      if (fits(event)) stop.abort();
    }
    return seen;
  }
  const viewOf = async (of: ForkPlan): Promise<RunView> => foldRun(of, await stores.runs.events(of.runId));

  async function withClient<T>(action: (client: Client) => Promise<T>): Promise<T> {
    const connection = await Connection.connect({ address: server.address });
    try {
      return await action(
        new Client({ connection, dataConverter: dataConverterOf({ encryption: async () => encryption }) }),
      );
    } finally {
      await connection.close();
    }
  }

  it('lets a worker of another machine run the branches, and brings log and replies back', async () => {
    await begin((request) =>
      request.body.messages.length === 1 && promptOf(request) === 'reads'
        ? { content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/a' } }] }
        : `Said to ${promptOf(request)}.`,
    );
    const machine = await otherMachine();
    const plan = await storePlan(stores, {
      engine: 'temporal',
      turns,
      branches: [{ name: 'reads' }, { name: 'talks' }],
    });
    await engine.start(plan);
    // What a person runs on this machine meanwhile.
    const bench = await CliBench.make(program.script);
    const env = { ...environment(), FORKPOINT_HOME: home };
    const waited = bench.run(['status', plan.runId, '--wait', '--json'], { env });
    const events = await until(plan, ended);
    const status = await waited;
    const replayed = await bench.run(['temporal', 'replay', plan.runId, '--json'], { env });
    const unknown = await bench.run(['temporal', 'replay', 'r-other', '--json'], { env });
    await bench.remove();
    // Of what no machine but that one carried out, this one knows whether it would do the same.
    expect(replayed.json()).toMatchObject({ runId: plan.runId, isDeterministic: true, executions: [{ error: null }] });
    expect([replayed.code, unknown.code]).toEqual([0, 3]);
    expect(status.json()).toMatchObject({
      state: 'completed',
      branches: [{ text: 'Said to reads.' }, { state: 'completed' }],
    });
    const view = await viewOf(plan);
    expect(view.branches.map(({ state, steps, text }) => [state, steps, text])).toEqual([
      ['completed', 2, 'Said to reads.'],
      ['completed', 1, 'Said to talks.'],
    ]);
    // Three requests, with the worker's own key; nothing was asked or written twice.
    expect(api.requests).toHaveLength(3);
    const keys = api.requests.map(({ headers }) => headers.authorization ?? headers['x-api-key']);
    for (const each of keys) expect(each).toContain('sk-ant-of-the-worker');
    const log = await readFile(path.join(home, 'runs', plan.runId, 'events.jsonl'), 'utf8');
    const positions = log.match(/"position":\[[\d,]+\]/g) ?? [];
    expect(new Set(positions).size).toBe(events.length);
    expect(positions).toHaveLength(events.length);
    expect(events.filter(({ type }) => type === 'request-sent')).toHaveLength(3);
    expect(events.filter(({ type }) => ['run-started', 'run-ended'].includes(type))).toHaveLength(2);
    const replies = view.branches.flatMap(({ results }) => results.map(({ reply }) => stores.blobs.get(reply)));
    expect(JSON.stringify(await Promise.all(replies))).toContain('Said to talks.');
    // Nothing of it is kept there but bodies, and neither server was told a word or where the store is.
    expect((await readdir(machine.data)).sort()).toEqual(['blobs', 'temporal']);
    const inHistory = await withClient(async (client) => {
      const handle = client.workflow.getHandle(workflowIdOf(plan.runId));
      await handle.result();
      const history = JSON.parse(historyToJSON(await handle.fetchHistory())) as unknown;
      return JSON.stringify(history, (key, value: unknown) => (key === 'data' ? textOf(value) : value));
    });
    if (encryption === null) expect(inHistory).toContain(plan.branches[0]!.request);
    const secrets = ['Said to', location(), s3.env['AWS_SECRET_ACCESS_KEY'] ?? ''];
    for (const word of secrets) expect(inHistory).not.toContain(word);
    const folder = kind === 'S3' ? s3.bucket : share;
    const kept = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((file) => file.isFile());
    expect(kept.length).toBeGreaterThan(5);
    const readable = await Promise.all(
      kept.map(async ({ parentPath, name }) => (await readFile(path.join(parentPath, name))).includes('Said to')),
    );
    expect(readable.includes(true)).toBe(encryption === null);
  });

  // What follows has to do with one of the stores no more than with the other.
  const once = {
    S3: () =>
      it('goes on with another worker when one was lost, and asks no answered request again', async () => {
        let isLost = true;
        await begin((request) => {
          if (promptOf(request) === 'fine') return 'Fine.';
          return isLost ? { content: 'something', endAfter: 1, ending: 'hang' } : 'After all.';
        }, 2_000);
        const first = await otherMachine();
        const plan = await storePlan(stores, { engine: 'temporal', branches: [{ name: 'fine' }, { name: 'lost' }] });
        await engine.start(plan);
        await until(plan, (event) => event.type === 'branch-ended' && event.branchId === 'b1');
        await until(plan, (event) => event.type === 'text-delta' && event.branchId === 'b2');
        await first.cut();
        isLost = false;
        await otherMachine();
        const events = await until(plan, ended);
        const view = await viewOf(plan);
        expect(view.branches.map(({ state }) => state)).toEqual(['completed', 'completed']);
        expect(view.branches[1]).toMatchObject({ text: 'After all.', billing: 'unknown', attempts: 2 });
        expect(api.requests.map(promptOf).sort()).toEqual(['fine', 'lost', 'lost']);
        expect(events.filter(({ type }) => type === 'retrying')).toMatchObject([{ error: { code: 'worker_lost' } }]);
      }),
    'a shared folder': () =>
      it('keeps branches of agents for the workers of the machine that has their places', async () => {
        await begin(() => 'Never asked.');
        const machine = await otherMachine();
        const made = await storePlan(stores, { engine: 'temporal', branches: [{ name: 'agent' }] });
        const plan: ForkPlan = { ...made, executor: 'claude-code' };
        await engine.start(plan);
        await withClient(async (client) => {
          const handle = client.workflow.getHandle(workflowIdOf(plan.runId));
          const { taskQueue } = await handle.describe();
          expect(taskQueue).toBe(ownQueueOf({ home, taskQueue: undefined, store: location() }));
          for (const [queue, taskQueueType] of [
            [taskQueue, 1],
            [`${taskQueue}-agents`, 2],
          ] as const) {
            const { pollers } = await client.workflowService.describeTaskQueue({
              namespace: 'default',
              taskQueue: { name: queue },
              taskQueueType,
            });
            expect(pollers, queue).toEqual([]);
          }
          // The other machine is awake all the while.
          const other = await storePlan(stores, { engine: 'temporal', branches: [{ name: 'api' }] });
          await engine.start(other);
          await until(other, ended);
          const { events } = await handle.fetchHistory();
          expect(events?.some(({ workflowTaskStartedEventAttributes: task }) => task)).toBe(false);
          await handle.terminate('test');
        });
        expect(await stores.runs.events(plan.runId)).toEqual([]);
        expect(machine.log).toContain(`${ownQueueOf({ home: machine.data, taskQueue: undefined, store: location() })}`);
      }),
  };
  once[kind]();
});

/** Of a payload's bytes, as the JSON of a history has them. */
const textOf = (data: unknown): string => Buffer.from(String(data), 'base64').toString();
