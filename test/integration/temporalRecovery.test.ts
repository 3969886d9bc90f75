import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBlobStore } from '../../src/adapters/blobs/createBlobStore.ts';
import { freePort } from '../../src/adapters/freePort.ts';
import { createRunStore } from '../../src/adapters/runs/createRunStore.ts';
import type { BlobStore } from '../../src/core/blobStore.ts';
import type { ForkPlan } from '../../src/core/fork/forkPlan.ts';
import type { BranchEvent } from '../../src/core/run/branchEvent.ts';
import { branchesToRun, foldRun } from '../../src/core/run/foldRun.ts';
import type { ForkEngine, RunStore } from '../../src/core/run/ports.ts';
import type { RunView } from '../../src/core/run/runView.ts';
import { createTemporalControl } from '../../src/orchestration/temporal/temporalControl.ts';
import { readWorkerRecords } from '../../src/orchestration/temporal/workerRecords.ts';
import { workflowIdOf } from '../../src/orchestration/temporal/workflowIdOf.ts';
import { type MessagesApi, type ReceivedRequest, type Reply, startMessagesApi } from '../support/messagesApi.ts';
import { type PlanOptions, storePlan } from '../support/storedPlan.ts';
import { killWorkers, plainEngine, startTestServer, type TestServer } from '../support/temporal.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const promptOf = (request: ReceivedRequest): string => request.body.messages[0].content[0].text;

describe('a run on Temporal', () => {
  let home: string;
  let runs: RunStore;
  let blobs: BlobStore;
  let api: MessagesApi;
  let answer: (request: ReceivedRequest) => Reply;
  const engines: ForkEngine[] = [];

  // One data folder, and so one worker, unless a test ends it: each takes seconds to start.
  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'forkpoint-recovery-'));
    runs = createRunStore(path.join(home, 'runs'));
    blobs = createBlobStore(path.join(home, 'blobs'));
    api = await startMessagesApi((request) => answer(request));
  });
  beforeEach(() => {
    api.requests.splice(0);
  });
  afterEach(async () => {
    for (const engine of engines.splice(0)) await engine.dispose();
  });
  afterAll(async () => {
    await killWorkers(home);
    await api?.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });

  const settings = (apiKey = 'sk-ant-test-contract') =>
    server.settings({ home, baseUrl: api.baseUrl, apiKey: async () => apiKey });

  /** A host of its own: what a second window or a later command is. The lost worker is noticed after two seconds. */
  function host(apiKey?: string): ForkEngine {
    const engine = plainEngine({ runs, settings: settings(apiKey), heartbeatMs: 2_000 });
    engines.push(engine);
    return engine;
  }

  const plan = (options: PlanOptions): Promise<ForkPlan> =>
    storePlan({ runs, blobs }, { engine: 'temporal', ...options });
  const view = async (of: ForkPlan): Promise<RunView> => foldRun(of, await runs.events(of.runId));

  async function until(of: ForkPlan, fits: (event: BranchEvent) => boolean): Promise<BranchEvent[]> {
    const stop = new AbortController();
    const seen: BranchEvent[] = [];
    for await (const event of runs.follow(of.runId, stop.signal)) {
      seen.push(event);
      if (fits(event)) stop.abort();
    }
    return seen;
  }
  const ended = (event: BranchEvent): boolean => event.type === 'run-ended';

  it('completes after its worker was killed, asks finished branches nothing, and says what it asked again', async () => {
    let killed = false;
    answer = (request) => {
      if (promptOf(request) === 'fine') return 'Fine.';
      return killed ? 'After all.' : { content: 'something', endAfter: 1, ending: 'hang' };
    };
    const engine = host();
    const run = await plan({ branches: [{ name: 'fine' }, { name: 'lost' }] });
    await engine.start(run);
    await until(run, (event) => event.type === 'branch-ended' && event.branchId === 'b1');
    await until(run, (event) => event.type === 'text-delta' && event.branchId === 'b2');
    expect(await killWorkers(home)).toHaveLength(1);
    killed = true;

    // The workflow is still open, so starting again only brings a new worker.
    await engine.start(run, { again: { branches: branchesToRun(await view(run), 'resume'), reason: 'resume' } });
    const events = await until(run, ended);
    const after = await view(run);
    expect(after.branches.map(({ state }) => state)).toEqual(['completed', 'completed']);
    expect(after.branches[1]).toMatchObject({ text: 'After all.', billing: 'unknown', attempts: 2 });
    expect(api.requests.map(promptOf).sort()).toEqual(['fine', 'lost', 'lost']);
    const retrying = events.filter((event) => event.type === 'retrying');
    expect(retrying).toMatchObject([
      { branchId: 'b2', attempt: 1, billing: 'unknown', error: { code: 'worker_lost' } },
    ]);
    expect(events.filter((event) => event.type === 'run-started')).toHaveLength(1);
  });

  it('gets a new worker from who waits for it, where that one has started it', async () => {
    let killed = false;
    answer = () => (killed ? 'After all.' : { content: 'something', endAfter: 1, ending: 'hang' });
    const [engine, other] = [host(), host()];
    const run = await plan({ branches: [{ name: 'one' }] });
    await engine.start(run);
    await until(run, (event) => event.type === 'text-delta');
    const [worker] = await readWorkerRecords({ home });
    await engine.attend?.(run);
    expect(await readWorkerRecords({ home })).toMatchObject([{ pid: worker?.pid }]);
    await killWorkers(home);
    killed = true;
    await other.attend?.(run);
    expect(await readWorkerRecords({ home })).toEqual([]);
    await engine.attend?.(run);
    await until(run, ended);
    expect((await view(run)).branches[0]).toMatchObject({ state: 'completed', text: 'After all.' });
    // What has ended needs no worker, once the server knows of the end too.
    await withClient((client) => client.workflow.getHandle(workflowIdOf(run.runId)).result());
    await killWorkers(home);
    await engine.attend?.(run);
    expect(await readWorkerRecords({ home })).toEqual([]);
  });

  it('does not ask again for a reply that came but could not be reported', async () => {
    answer = () => 'Here it is.';
    const engine = host();
    const run = await plan({ branches: [{ name: 'one' }] });
    // The worker dies in the moment between the log entry and its report to the server.
    const written = until(run, (event) => event.type === 'step-completed').then(() => killWorkers(home));
    await engine.start(run);
    await written;
    await engine.start(run);
    await until(run, ended);
    expect((await view(run)).branches[0]).toMatchObject({ state: 'completed', text: 'Here it is.', billing: 'known' });
    expect(api.requests).toHaveLength(1);
  });

  it('goes on when the window is closed, and is rejoined by the next one', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    answer = () => ({ content: 'It went on.', between: gate });
    const first = plainEngine({ runs, settings: settings() });
    const run = await plan({ branches: [{ name: 'one' }] });
    await first.start(run);
    await api.received(1);
    await first.dispose();
    const [worker] = await readWorkerRecords({ home });

    const second = host();
    await second.reconcile(run);
    expect((await view(run)).state).toBe('running');
    release();
    await until(run, ended);
    expect((await view(run)).branches[0]).toMatchObject({ state: 'completed', text: 'It went on.' });
    expect(await readWorkerRecords({ home })).toMatchObject([{ pid: worker?.pid, state: 'running', managed: true }]);
  });

  it('brings a worker for an answer where the run’s own was killed, so that nobody waits in vain', async () => {
    answer = () => ({ content: 'something', endAfter: 1, ending: 'hang' });
    const engine = host();
    const run = await plan({ branches: [{ name: 'one' }] });
    await engine.start(run);
    await until(run, (event) => event.type === 'text-delta');
    await killWorkers(home);
    const branchId = run.branches[0]!.branchId;
    const answering = engine.answer(run.runId, branchId, 'c1', { behavior: 'allow', scope: 'call' });
    await expect(answering).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('c1') });
    expect(await readWorkerRecords({ home })).toHaveLength(1);
    await engine.cancel(run.runId);
    await until(run, ended);
  });

  it('is marked as interrupted when its workflow was terminated, and can be resumed', async () => {
    let stuck = true;
    answer = () => (stuck ? { content: 'something', endAfter: 1, ending: 'hang' } : 'Now.');
    const engine = host();
    const run = await plan({ branches: [{ name: 'one' }] });
    await engine.start(run);
    await until(run, (event) => event.type === 'text-delta');
    await withClient((client) => client.workflow.getHandle(workflowIdOf(run.runId)).terminate('test'));
    await engine.reconcile(run);
    const first = await view(run);
    expect(first).toMatchObject({ state: 'failed', interrupted: true });
    expect(first.branches[0]).toMatchObject({ billing: 'unknown', error: { code: 'interrupted' } });
    expect(first.branches[0]?.error?.message).toContain('terminated');

    stuck = false;
    await engine.start(run, { again: { branches: branchesToRun(first, 'resume'), reason: 'resume' } });
    await until(run, (event) => event.type === 'branch-ended' && event.outcome.state === 'completed');
    expect((await view(run)).branches[0]).toMatchObject({ state: 'completed', text: 'Now.' });
  });

  it('reads as cancelled when it was cancelled with Temporal’s own tools', async () => {
    answer = () => ({ content: 'something', endAfter: 1, ending: 'hang' });
    const engine = host();
    const run = await plan({ branches: [{ name: 'one' }] });
    await engine.start(run);
    await until(run, (event) => event.type === 'text-delta');
    const status = await withClient(async (client) => {
      const handle = client.workflow.getHandle(workflowIdOf(run.runId));
      await handle.cancel();
      await handle.result().catch(() => undefined);
      return (await handle.describe()).status.name;
    });
    expect(status).toBe('CANCELLED');
    expect(await view(run)).toMatchObject({ state: 'cancelled', branches: [{ state: 'cancelled', text: 'som' }] });
    await api.requests[0]?.done;
    expect(api.requests[0]?.closedByClient).toBe(true);
  });

  it('can be found on the server, with no word of the recording and no key in its history', async () => {
    answer = () => 'The reply itself.';
    const engine = host();
    const run = await plan({ branches: [{ name: 'one', prompt: 'The prompt itself' }] });
    await engine.start(run);
    await until(run, ended);
    const { history, memo } = await withClient(async (client) => {
      const handle = client.workflow.getHandle(workflowIdOf(run.runId));
      await handle.result();
      return { history: JSON.stringify(await handle.fetchHistory()), memo: (await handle.describe()).memo };
    });
    expect(memo).toEqual({ run: run.runId, kind: 'fork', session: 'session-1', turn: 1 });
    const words = Buffer.from(history).toString() + decodedPayloads(history);
    for (const secret of [
      'The prompt itself',
      'The reply itself',
      'sk-ant-test-contract',
      '/nowhere/',
      'A made-up run',
      'A session',
    ]) {
      expect(words).not.toContain(secret);
    }
    expect(words).toContain('b1');
  });

  it('replaces a worker of its own that was started with another key', async () => {
    answer = () => 'Yes.';
    const run = await plan({ branches: [{ name: 'one' }] });
    await host('sk-ant-first').start(run);
    await until(run, ended);
    const next = await plan({ branches: [{ name: 'two' }] });
    await host('sk-ant-second').start(next);
    await until(next, ended);
    const keys = api.requests.map(({ headers }) => headers.authorization ?? headers['x-api-key']);
    expect(keys).toEqual([expect.stringContaining('sk-ant-first'), expect.stringContaining('sk-ant-second')]);
  });

  async function withClient<T>(action: (client: Client) => Promise<T>): Promise<T> {
    const connection = await Connection.connect({ address: server.address });
    try {
      return await action(new Client({ connection }));
    } finally {
      await connection.close();
    }
  }
});

describe('the control', () => {
  it('tells of the server that it manages, and uses one that runs as it is', async () => {
    const status = await server.control.status();
    expect(status.server).toMatchObject({ state: 'running', address: server.address, managed: true });
    expect(status.server.ui).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const other = await mkdtemp(path.join(tmpdir(), 'forkpoint-other-'));
    try {
      const control = createTemporalControl(server.settings({ home: other }));
      expect((await control.startServer()).server).toMatchObject({ state: 'running', managed: false, pid: null });
      await expect(control.stopServer()).rejects.toMatchObject({ code: 'bad_input' });
      expect((await server.control.status()).server.state).toBe('running');
    } finally {
      await rm(other, { recursive: true });
    }
  });

  it('gives the address of a run in the web UI', async () => {
    const { server: status } = await server.control.status();
    const url = await server.control.runUrl('r-1' as ForkPlan['runId']);
    expect(url).toBe(`${status.ui}/namespaces/default/workflows/forkpoint-r-1`);
  });

  it('hands its worker any environment of agents, and none of it nor the key to what the worker starts', async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-worker-'));
    const large = Object.fromEntries(Array.from({ length: 3 }, (_, index) => [`LARGE_${index}`, 'x'.repeat(100_000)]));
    const env = { ...process.env, ...large, OF_AGENTS: 'marked-word', TEMPORAL_API_KEY: 'marked-word' };
    const apiKey = async () => 'marked-word';
    const control = createTemporalControl(server.settings({ home, env, apiKey }));
    try {
      await control.ensureWorker();
      const [worker] = (await control.status()).workers;
      for (const file of ['environ', 'cmdline']) {
        const seen = await readFile(`/proc/${worker?.pid}/${file}`, 'utf8');
        expect(seen).toContain(file === 'environ' ? 'PATH=' : 'worker');
        expect(seen).not.toContain('marked-word');
        expect(seen.length).toBeLessThan(20_000);
      }
    } finally {
      await killWorkers(home);
      await rm(home, { recursive: true, force: true });
    }
  });

  it('starts one worker, however often it is asked, and drains it', async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-worker-'));
    const control = createTemporalControl(server.settings({ home }));
    try {
      await Promise.all([control.ensureWorker(), control.ensureWorker()]);
      const { workers } = await control.status();
      expect(workers).toMatchObject([{ taskQueue: control.taskQueue, state: 'running' }]);
      await control.stopWorkers();
      await expect.poll(async () => (await control.status()).workers, { timeout: 10_000 }).toEqual([]);
    } finally {
      await killWorkers(home);
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe('a worker in the foreground', () => {
  it('takes no agents where it is told so, and finishes what it does once it is asked to end', async () => {
    const home = await mkdtemp(path.join(tmpdir(), 'forkpoint-worker-'));
    const [runs, blobs] = [createRunStore(path.join(home, 'runs')), createBlobStore(path.join(home, 'blobs'))];
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    await using api = await startMessagesApi(async () => {
      asked.resolve();
      await answer.promise;
      return 'Yes.';
    });
    const settings = server.settings({ home, baseUrl: api.baseUrl });
    const control = createTemporalControl(settings);
    const drain = new AbortController();
    const [metrics, health] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const exitCode = control.runWorker(drain.signal, { agents: false, metrics, health, concurrency: 'auto' });
    try {
      const states = async () => (await readWorkerRecords({ home })).map(({ agents, state }) => ({ agents, state }));
      await expect.poll(states, { timeout: 20_000 }).toEqual([{ agents: false, state: 'running' }]);
      // For requests this one will do.
      const engine = plainEngine({ runs, settings });
      const plan = await storePlan({ runs, blobs }, { engine: 'temporal', branches: [{ name: 'one' }] });
      await engine.start(plan);
      await asked.promise;
      expect(await (await fetch(`http://${metrics}/metrics`)).text()).toMatch(
        /temporal_worker_task_slots_used\{[^}]*worker_type="ActivityWorker"[^}]*\} 1$/m,
      );
      const healthy = async () => {
        const response = await fetch(`http://${health}`);
        return [response.status, await response.json()];
      };
      expect(await healthy()).toEqual([200, { state: 'running' }]);
      expect(await states()).toHaveLength(1);
      // A port that is taken is a word to whoever named it.
      const taken = [{ metrics }, { health }].map((where) => control.runWorker(new AbortController().signal, where));
      expect(await Promise.all(taken)).toEqual([2, 2]);
      await expect(control.runWorker(drain.signal, { health: '0.0.0.0:80' })).rejects.toThrow('on this machine');
      drain.abort();
      await expect.poll(states).toEqual([{ agents: false, state: 'draining' }]);
      expect(await healthy()).toEqual([503, { state: 'draining' }]);
      answer.resolve();
      expect(await exitCode).toBe(0);
      expect(api.requests).toHaveLength(1);
      const completed = (event: BranchEvent): boolean => event.type === 'step-completed';
      expect((await runs.events(plan.runId)).filter(completed)).toHaveLength(1);
      await engine.dispose();

      const [first, second] = [new AbortController(), createTemporalControl(settings)];
      const again = control.runWorker(first.signal, { agents: false });
      await expect.poll(states, { timeout: 20_000 }).toEqual([{ agents: false, state: 'running' }]);
      // Whoever needs one for agents gets another.
      await second.ensureWorker();
      expect(await states()).toContainEqual({ agents: true, state: 'running' });
      first.abort();
      expect(await again).toBe(0);
    } finally {
      answer.resolve();
      drain.abort();
      await killWorkers(home);
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});

/** The JSON payloads of a history, decoded. */
function decodedPayloads(history: string): string {
  const found: string[] = [];
  JSON.parse(history, (key, value: unknown) => {
    if (key === 'data' && typeof value === 'string') found.push(Buffer.from(value, 'base64').toString());
    else if (key === 'data' && typeof value === 'object' && value !== null) {
      found.push(Buffer.from(Object.values(value as Record<string, number>)).toString());
    }
    return value;
  });
  return found.join('\n');
}
